#include "planner/operations/column/column_operation.hpp"

#include "planner/identity_lines.hpp"
#include "planner/operations/column/column_checks.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"
#include "planner/values/dependencies.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

#include <set>

namespace pgbackfill::planner {
namespace {

void identify_one(const ColumnSpec& spec, IdentityLines& lines) {
  const std::string name = fmt::format("{}.{}", lines.display(spec.table), spec.name);
  lines.line("column {}: {}{}", name, spec.type.empty() ? "as it is" : normalise_type(spec.type),
             spec.not_null ? " not null" : "");
  lines.line("column {}: value = {}", name, lines.describe(spec.value));
  if (!spec.default_value.empty()) {
    lines.line("column {}: default = {}{}", name, spec.default_is_expression ? "sql " : "",
               shown(spec.default_value));
  }
  if (!spec.index.empty()) lines.line("column {}: index = {}", name, spec.index);
}

ValueWork resolve_column(const JobSpec& spec, const ColumnSpec& column, const sql::Table& table) {
  ValueWork work;
  work.column_spec = &column;
  work.table = &table;
  work.name = column.name;
  work.type = normalise_type(column.type);
  work.source = &column.value;
  work.not_null = column.not_null;
  resolve_value(spec, work);
  if (column.default_is_expression) {
    work.default_after = fmt::format("({})", column.default_value);
  } else if (!column.default_value.empty()) {
    work.default_after = constant_expression(column.default_value, work.type);
  } else if (work.column != nullptr) {
    work.default_after = work.column->default_expression.value_or("");
  }
  return work;
}

/// One pass over a table sets all of its columns, so tables cannot wait for one another.
void check_circles(PreflightContext& context) {
  const auto all = context.scope.values();
  const Dependencies dependencies(context.spec, context.scope);
  std::map<const sql::Table*, std::set<const sql::Table*>> waits;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const std::size_t other : dependencies.of(i))
      waits[all[i]->table].insert(all[other]->table);
  }
  for (const auto& [table, unused] : waits) {
    std::set<const sql::Table*> reached;
    std::vector<const sql::Table*> next(waits[table].begin(), waits[table].end());
    while (!next.empty()) {
      const sql::Table* at = next.back();
      next.pop_back();
      if (reached.insert(at).second) next.insert(next.end(), waits[at].begin(), waits[at].end());
    }
    if (!reached.contains(table)) continue;
    context.refuse(table->name.display(context.spec.schema),
                   "its columns take values from a table that takes values from its columns",
                   "fill one of them in a job of its own");
    return;
  }
}

void check_index(PreflightContext& context, const ValueWork& work) {
  const std::string& name = work.column_spec->index;
  if (name.empty()) return;
  const sql::Index* index = work.table->index(name);
  if (index != nullptr && index->columns == std::vector{work.name} && !index->partial) return;
  const std::string holder =
      index != nullptr ? "another index" : holder_of(context, {work.table->name.schema, name});
  if (holder.empty()) return;
  context.refuse(work.label, fmt::format("the name of index {} is taken by {}", name, holder),
                 "give the index another name in the migration file");
}

class Column : public Operation {
 public:
  std::vector<SectionKey> sections() const override { return {{"column"}}; }

  void read(std::string_view, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    spec.columns.push_back(read_column(value, errors));
  }

  bool asked(const JobSpec& spec) const override { return !spec.columns.empty(); }

  void check_rules(const JobSpec& spec, std::vector<SpecError>& errors) const override {
    check_column_rules(spec, errors);
  }

  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    for (const auto& [name, column] : sorted(spec.columns, [&](const ColumnSpec& column) {
           return lines.display(column.table) + "." + column.name;
         })) {
      identify_one(*column, lines);
    }
  }

  void check_catalog(CatalogCheck& check) const override { check_column_catalog(check); }

  void resolve(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) const override {
    for (const ColumnSpec& column : spec.columns) {
      const sql::Table* table = catalog.table(resolve_name(column.table, spec.schema));
      if (table != nullptr) scope.columns.push_back(resolve_column(spec, column, *table));
    }
  }

  void need(const PreflightContext& context, Needs& needs) const override {
    need_values(context, context.scope.columns, needs);
  }

  void preflight(PreflightContext& context) const override {
    check_value_columns(context, context.scope.columns);
    check_value_rows(context, context.scope.columns);
    for (const ValueWork& work : context.scope.columns) check_index(context, work);
    check_circles(context);
  }

  void plan(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kExpand) expand_values(context, context.scope.columns);
    if (stage == Stage::kEnforce) enforce_values(context, context.scope.columns);
    if (stage != Stage::kIndex) return;
    for (const ValueWork& work : context.scope.columns) {
      const std::string& name = work.column_spec->index;
      const sql::Index* index = name.empty() ? nullptr : work.table->index(name);
      if (name.empty() || (index != nullptr && index->valid)) continue;
      add_index_steps(context, {work.table, work.label, name, false,
                                fmt::format("({})", sql::quote_identifier(work.name))});
    }
  }

  void plan_last(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kBackfill) follow_values(context, context.scope.columns);
  }

  void backfill(const PlanContext& context, BackfillDrafts& drafts) const override {
    draft_values(context, context.scope.columns, drafts);
  }

  void verify(VerifyContext& context) const override { verify_columns(context); }
};

}  // namespace

const Operation& column_operation() {
  static const Column operation;
  return operation;
}

}  // namespace pgbackfill::planner
