#include "planner/operations/ensure/ensure_operation.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/sql_expression.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/identity_lines.hpp"
#include "planner/operations/ensure/ensure_checks.hpp"
#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pgbackfill::planner {
namespace {

EnsureSpec read_ensure(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[ensure]]", value, "table"),
                            {"table", "key", "row", "select", "on_conflict"}, errors);
  section.require({"table", "key"});
  if (section.has("row") == section.has("select")) {
    section.report(section.position(),
                   "needs either \"row\" or \"select\", the rows that must exist");
  }
  EnsureSpec spec;
  spec.position = section.position();
  if (const auto table = section.text("table")) {
    spec.table = *table;
    check_name(section, "table", {*table, section.find("table")->position});
  }
  const TomlValue* row = section.find("row", TomlValue::Kind::kTable);
  if (row != nullptr) {
    if (row->entries.empty()) section.report(row->position, "\"row\" is empty");
    for (const TomlEntry& entry : row->entries) {
      const auto what = fmt::format("{} \"row.{}\"", section.title(), entry.key);
      if (const auto text = scalar_text(entry.value, what, errors)) {
        spec.row.emplace_back(entry.key, *text);
      }
    }
  }
  if (const auto query = section.text("select")) {
    spec.select = *query;
    if (const auto defect = expression_defect(spec.select)) {
      section.report(section.find("select")->position, fmt::format("\"select\" {}", *defect));
    }
  }
  spec.on_conflict =
      section
          .choice<EnsureConflict>("on_conflict", {{"refuse", EnsureConflict::kRefuse},
                                                  {"rename", EnsureConflict::kRename}})
          .value_or(EnsureConflict::kRefuse);
  for (const PlacedText& column : section.texts("key")) {
    spec.key.push_back(column.text);
    if (row != nullptr && row->find(column.text) == nullptr) {
      section.report(
          column.position,
          fmt::format("\"key\" names \"{}\", which \"row\" has no value for", column.text));
    }
  }
  return spec;
}

void identify_one(const EnsureSpec& ensure, IdentityLines& lines) {
  std::vector<std::string> row;
  for (const auto& [column, value] : ensure.row) row.push_back(column + " " + shown(value));
  lines.line("ensure {} by {} = {}{}", lines.display(ensure.table), fmt::join(ensure.key, ", "),
             ensure.select.empty() ? fmt::format("{}", fmt::join(row, ", "))
                                   : "rows of " + shown(ensure.select),
             ensure.on_conflict == EnsureConflict::kRename ? ", renamed on conflict" : "");
}

void check_table(CatalogCheck& check, const EnsureSpec& ensure) {
  const sql::Table* table = check.need_table(ensure.table, ensure.position, "[[ensure]] table");
  if (table == nullptr) return;
  for (const auto& [column, value] : ensure.row) {
    check.need_column(*table, column, ensure.position, "[[ensure]]");
  }
  if (ensure.select.empty()) return;
  for (const std::string& column : ensure.key) {
    check.need_column(*table, column, ensure.position, "[[ensure]] key");
  }
}

void need_table(const PreflightContext& context, const EnsureSpec& ensure, Needs& needs) {
  const sql::Table* table = context.catalog.table(resolve_name(ensure.table, context.spec.schema));
  if (table == nullptr) return;
  std::vector<std::string> columns;
  for (const auto& [column, value] : ensure.row) columns.push_back(column);
  needs.read.insert(table);
  needs.uses.push_back({table, "INSERT", columns, "its rows are ensured"});
  needs.uses.push_back({table, "SELECT", ensure.key, "the job reads it"});
}

class Ensure : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"ensure"}}; }
  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    spec.of<EnsureSpec>().push_back(read_ensure(value, errors));
  }
  bool asked(const JobSpec& spec) const override { return !spec.of<EnsureSpec>().empty(); }
  // Their order is kept: a row may need the one before it.
  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    for (const EnsureSpec& ensure : spec.of<EnsureSpec>()) identify_one(ensure, lines);
  }
  void check_catalog(CatalogCheck& check) const override {
    for (const EnsureSpec& ensure : check.spec.of<EnsureSpec>()) check_table(check, ensure);
  }
  void resolve(const JobSpec& spec, const sql::Catalog&, Scope& scope) const override {
    for (const EnsureSpec& ensure : spec.of<EnsureSpec>()) {
      const sql::QualifiedName table = resolve_name(ensure.table, spec.schema);
      for (const auto& [column, value] : ensure.row) {
        scope.of<ComingValue>().push_back({table, column, value, ""});
      }
      if (!ensure.select.empty()) scope.of<ComingValue>().push_back({table, "", "", ensure.select});
    }
  }
  void need(const PreflightContext& context, Needs& needs) const override {
    for (const EnsureSpec& ensure : context.spec.of<EnsureSpec>()) {
      need_table(context, ensure, needs);
    }
  }
  void preflight(PreflightContext& context) const override { check_ensures(context); }
  void plan(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kEnsure) plan_ensure(context);
  }
  void verify(VerifyContext& context) const override { verify_ensured_rows(context); }
};

}  // namespace

const Operation& ensure_operation() {
  static const Ensure operation;
  return operation;
}

}  // namespace pgbackfill::planner
