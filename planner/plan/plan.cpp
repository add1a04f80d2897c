#include "planner/plan/plan.hpp"

#include "planner/plan/step_builder.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace pgbackfill::planner {
namespace {

constexpr std::array<std::string_view, kStageCount> kStageNames{
    "ensure", "expand", "backfill", "enforce", "foreign-key", "index", "finish"};

/// Entries of a lookup up to which the plan can bring its table back.
constexpr std::size_t kMaxRestoredEntries = 10'000;

std::vector<std::string> restore_lookup(const Step& load, const LookupSpec& lookup) {
  std::vector<std::string> rows;
  for (const auto& [key, value] : lookup.entries) {
    rows.push_back(fmt::format("({}, {})", sql::quote_literal(key), sql::quote_literal(value)));
  }
  std::vector<std::string> statements{load.sql.front()};
  if (!rows.empty()) {
    statements.push_back(
        fmt::format("INSERT INTO {} (key, value) VALUES {}", load.lookup_table, join(rows, ", ")));
  }
  return statements;
}

void drop_lookups(PlanContext& context) {
  std::vector<Step> drops;
  for (const Step& load : context.plan.steps) {
    if (load.kind != StepKind::kLookup) continue;
    const LookupSpec& lookup = *context.spec.lookup(load.lookup);
    Step step = make_step(Stage::kFinish, load.lookup, "drop-lookup");
    step.table.clear();
    step.title = fmt::format("drop the table of lookup {}", load.lookup);
    step.sql = load.inverse;
    step.probe = probe::no(probe::relation_exists(ledger_name("lookup", load.lookup)));
    if (lookup.entries.size() <= kMaxRestoredEntries) {
      step.inverse = restore_lookup(load, lookup);
    } else {
      step.irreversible = fmt::format("the {} entries of {} are not kept in the plan",
                                      lookup.entries.size(), lookup.file);
    }
    drops.push_back(std::move(step));
  }
  std::move(drops.begin(), drops.end(), std::back_inserter(context.plan.steps));
}

/// New columns have no statistics of their own until somebody collects them.
void analyze(PlanContext& context) {
  struct Columns {
    const sql::Table* table;
    std::string label;
    std::vector<std::string> names;
  };
  std::vector<Columns> all;
  const auto add = [&](const sql::Table* table, const std::string& label,
                       const std::string& column) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Columns& c) { return c.table == table; });
    if (found == all.end()) {
      all.push_back({table, label, {column}});
    } else {
      found->names.push_back(column);
    }
  };
  for (const TableWork& work : context.scope.tables) {
    if (work.needs_value) add(work.table, work.label, context.spec.tenant->column);
  }
  for (const EnumWork& work : context.scope.enums) {
    if (work.path != EnumPath::kShadow) continue;
    for (const EnumColumnWork& column : work.columns) {
      add(column.table, column.label, column.column->name);
    }
  }
  for (const Columns& columns : all) {
    Step step = make_step(Stage::kFinish, columns.label, "analyze");
    step.kind = StepKind::kAlone;
    step.title = fmt::format("collect statistics of {}", join(columns.names, ", "));
    step.sql = {
        fmt::format("ANALYZE {} ({})", columns.table->name.quoted(), quoted_list(columns.names))};
    context.plan.steps.push_back(std::move(step));
  }
}

void describe_targets(PlanContext& context) {
  for (const TableWork& work : context.scope.tables) {
    const TenantSpec& tenant = *context.spec.tenant;
    const sql::QualifiedName& references = context.scope.references;
    const sql::ForeignKey* existing = equal_foreign_key(work, tenant, references);
    context.plan.tables.push_back({work.table->name, tenant.column,
                                   work.column == nullptr ? context.tenant_type : work.column->type,
                                   references, tenant.references_column,
                                   existing != nullptr ? existing->name
                                                       : expand_name(tenant.foreign_key, tenant,
                                                                     work.table->name, references),
                                   wanted_indexes(tenant, work, references)});
  }
  for (const EnumWork& work : context.scope.enums) {
    context.plan.enums.push_back({work.type->name, work.spec->values, work.spec->strict_order});
  }
}

void check_ids(const Plan& plan) {
  std::set<std::string_view> ids;
  for (const Step& step : plan.steps) {
    if (!ids.insert(step.id).second) {
      throw std::logic_error("two steps of the plan have the id " + step.id);
    }
  }
}

}  // namespace

std::string_view to_string(Stage stage) { return kStageNames.at(static_cast<std::size_t>(stage)); }

std::optional<Stage> parse_stage(std::string_view name) {
  const auto found = std::find(kStageNames.begin(), kStageNames.end(), name);
  if (found == kStageNames.end()) return std::nullopt;
  return static_cast<Stage>(found - kStageNames.begin());
}

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kCatalog:
      return "catalog";
    case Method::kCopy:
      return "copy";
    case Method::kUpdate:
      return "update";
  }
  return "?";
}

std::string_view to_string(ReadOrder order) { return order == ReadOrder::kBlock ? "block" : "key"; }

const Step* Plan::step(std::string_view id) const {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.id == id; });
  return found == steps.end() ? nullptr : &*found;
}

Plan make_plan(const JobSpec& spec, const sql::Catalog& catalog, sql::Connection& connection) {
  PlanContext context{spec, catalog, connection, resolve_scope(spec, catalog), "", {}};
  if (spec.tenant) context.tenant_type = normalise_type(spec.tenant->type);
  context.plan.schema = spec.schema;
  context.plan.notes = context.scope.notes;
  plan_ensure(context);
  plan_tenant_expand(context);
  plan_enum_expand(context);
  plan_backfill(context);
  plan_enforce(context);
  plan_enum_enforce(context);
  plan_foreign_keys(context);
  plan_indexes(context);
  plan_enum_indexes(context);
  plan_enum_finish(context);
  drop_lookups(context);
  analyze(context);
  describe_targets(context);
  check_ids(context.plan);
  return std::move(context.plan);
}

}  // namespace pgbackfill::planner
