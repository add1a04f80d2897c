#include "planner/operations/unique/unique_operation.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/identity_lines.hpp"
#include "planner/operations/unique/unique_checks.hpp"
#include "planner/operations/unique/unique_spec.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

UniqueSpec read_unique(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[unique]]", value, "table"),
                            {"table", "columns", "scope", "name"}, errors);
  section.require({"table", "columns"});
  UniqueSpec spec;
  spec.position = section.position();
  if (const auto table = section.text("table")) {
    spec.table = *table;
    check_name(section, "table", {*table, section.find("table")->position});
  }
  for (const PlacedText& column : section.texts("columns")) spec.columns.push_back(column.text);
  spec.per_tenant =
      section.choice<bool>("scope", {{"tenant", true}, {"global", false}}).value_or(true);
  if (const auto name = section.text("name")) {
    spec.name = *name;
    check_length(section, "name", {*name, section.find("name")->position});
    if (!spec.per_tenant) {
      section.report(section.find("name")->position,
                     "\"name\" goes with scope = \"tenant\": a global key stays as it is");
    }
  }
  return spec;
}

bool is_core_table(const JobSpec& spec, const UniqueSpec& unique) {
  const sql::QualifiedName name = resolve_name(unique.table, spec.schema);
  return std::any_of(spec.tables.begin(), spec.tables.end(), [&](const TableSpec& table) {
    return resolve_name(table.name, spec.schema) == name;
  });
}

UniqueWork resolve_one(const JobSpec& spec, const UniqueSpec& unique, const sql::Table& table) {
  UniqueWork work{&unique, &table, table.name.display(spec.schema), nullptr, unique.name, false};
  work.old_key = unique_over(table, unique.columns);
  if (!unique.per_tenant) return work;
  const std::vector<std::string> key = tenant_key(spec, unique);
  if (work.name.empty()) {
    work.name = sql::fit_identifier(fmt::format("uq_{}_{}", table.name.name, fmt::join(key, "_")));
  }
  work.done = work.old_key == nullptr && unique_over(table, key) != nullptr;
  return work;
}

class Unique : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"unique"}}; }

  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    spec.of<UniqueSpec>().push_back(read_unique(value, errors));
  }

  bool asked(const JobSpec& spec) const override { return !spec.of<UniqueSpec>().empty(); }

  void check_rules(const JobSpec& spec, std::vector<SpecError>& errors) const override {
    for (const UniqueSpec& unique : spec.of<UniqueSpec>()) {
      if (unique.table.empty()) continue;
      if (!is_core_table(spec, unique)) {
        errors.push_back(
            {unique.position, fmt::format("[[unique]] \"{}\": the table is not among the [[table]] "
                                          "list, so its rows belong to no organization",
                                          unique.table)});
      } else if (spec.tenant && std::find(unique.columns.begin(), unique.columns.end(),
                                          spec.tenant->column) != unique.columns.end()) {
        errors.push_back({unique.position,
                          fmt::format("[[unique]] \"{}\": leave {} out of \"columns\"; the scope "
                                      "says that it belongs to the key",
                                      unique.table, spec.tenant->column)});
      }
    }
  }

  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    for (const auto& [name, unique] : sorted(
             spec.of<UniqueSpec>(), [&](const UniqueSpec& u) { return lines.display(u.table); })) {
      lines.line("unique {}: {} = {}{}", name, fmt::join(unique->columns, ", "),
                 unique->per_tenant ? "tenant" : "global",
                 unique->name.empty() ? "" : ", named " + unique->name);
    }
  }

  void check_catalog(CatalogCheck& check) const override {
    for (const UniqueSpec& unique : check.spec.of<UniqueSpec>()) {
      const sql::Table* table = check.catalog.table(resolve_name(unique.table, check.spec.schema));
      if (table == nullptr) continue;  // told of the [[table]]
      for (const std::string& column : unique.columns) {
        check.need_column(*table, column, unique.position,
                          fmt::format("[[unique]] \"{}\"", unique.table));
      }
    }
  }

  void resolve(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) const override {
    if (!spec.tenant) return;
    for (const UniqueSpec& unique : spec.of<UniqueSpec>()) {
      const sql::Table* table = catalog.table(resolve_name(unique.table, spec.schema));
      if (table != nullptr) {
        scope.of<UniqueWork>().push_back(resolve_one(spec, unique, *table));
      }
    }
  }

  void need(const PreflightContext& context, Needs& needs) const override {
    for (const UniqueWork& work : context.scope.of<UniqueWork>()) needs.alter(*work.table, false);
  }

  void preflight(PreflightContext& context) const override { check_uniques(context); }

  void plan(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kIndex) plan_unique_indexes(context);
    if (stage == Stage::kFinish) plan_unique_finish(context);
  }

  void verify(VerifyContext& context) const override { verify_uniques(context); }
};

}  // namespace

const sql::Index* unique_over(const sql::Table& table, const std::vector<std::string>& columns) {
  std::vector<std::string> wanted = columns;
  std::sort(wanted.begin(), wanted.end());
  for (const sql::Index& index : table.indexes) {
    if (!index.unique || !index.valid || index.partial || index.has_expressions) continue;
    std::vector<std::string> found = index.columns;
    std::sort(found.begin(), found.end());
    if (found == wanted) return &index;
  }
  return nullptr;
}

std::vector<std::string> tenant_key(const JobSpec& spec, const UniqueSpec& unique) {
  std::vector<std::string> key{spec.tenant->column};
  key.insert(key.end(), unique.columns.begin(), unique.columns.end());
  return key;
}

const Operation& unique_operation() {
  static const Unique operation;
  return operation;
}

}  // namespace pgbackfill::planner
