#include "planner/operations/enum/enum_return.hpp"

#include "planner/operations/enum/enum_check.hpp"
#include "planner/operations/enum/enum_domain.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_key.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "planner/operations/enum/enum_value.hpp"
#include "planner/plan/losses.hpp"
#include "planner/plan/not_null.hpp"
#include "planner/plan/partition_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// Rows found by one comparison; what remains is found by the next.
constexpr std::int64_t kMaxFoundRows = 200'000;
constexpr std::size_t kMaxNamed = 5;

/// The old columns follow what live writers do to the new ones.
Step follow(const PlanContext& context, const EnumWork& back, const EnumTable& columns) {
  Step step = make_step(Stage::kFinish, columns.label, "return-trigger", back.type->name.name);
  step.title =
      fmt::format("create a trigger that keeps the old {} columns in step", back.type->name.name);
  step.sql = create_sync(context, back, columns);
  step.probe = probe::trigger_exists(columns.table->name, sync_trigger(back));
  return step;
}

Step fill(const PlanContext& context, const EnumWork& back, const EnumTable& columns,
          const EnumColumnWork& column, const sql::Table& table) {
  const std::string shown = table.name.display(context.spec.schema);
  const std::string old = quote_identifier(column.shadow);
  const std::string value = remap_expression(back, column, "t");
  const std::string differs = shadow_differs(back, column, "t");
  Step step =
      make_step(Stage::kFinish, columns.label, "return-values", shown + ":" + column.shadow);
  step.title = fmt::format("fill {} from {}", column.shadow, column.column->name);
  step.table = shown;
  if (table.is_partition) on_partition(step, table.name);
  step.kind = StepKind::kFill;
  step.sql = {fmt::format("SELECT t.ctid FROM {} AS t WHERE {} LIMIT {}", table.name.quoted(),
                          differs, kMaxFoundRows),
              fmt::format("UPDATE {} AS t SET {} = {} WHERE t.ctid = ANY ($1::tid[]) AND {}",
                          table.name.quoted(), old, value, differs)};
  return step;
}

/// What stands over the old columns, as far as it can be made before the swap.
void make_ready(PlanContext& context, const EnumWork& back, const EnumTable& columns) {
  for (const EnumColumnWork* column : columns.columns) {
    if (!column->column->not_null) continue;
    add_not_null_steps_like(context,
                            {columns.table, columns.label, column->shadow, false, "", {}, {}},
                            *column->column);
  }
  add_check_steps(context, back, *columns.table, columns.label);
  for (const EnumIndex& index : enum_indexes(context.connection, back, *columns.table)) {
    add_shadow_index(context, columns, index);
    // What the swap makes of a constraint's index is no index of its own any more, but a run that
    // goes on from before the swap needs one.
    if (index.constraint_kind == ' ' || index.built_as_constraint()) continue;
    add_index_steps(context,
                    index_request(columns, index, index.aside_name, index.definition_in_place));
  }
}

std::vector<std::string> questions(PlanContext& context, const WayBack& back, const EnumWork& work,
                                   const Carried& carried) {
  const std::string type = work.type->name.display(context.spec.schema);
  std::vector<ColumnName> columns;
  for (const EnumColumnWork& column : work.columns) {
    for (const std::string& name : {column.column->name, column.old_name, column.shadow}) {
      columns.emplace_back(column.table->name, name);
    }
  }
  std::vector<sql::QualifiedName> types{work.type->name};
  for (const EnumDomainWork& domain : work.domains) types.push_back(domain.domain->name);
  for (const EnumCompositeWork& made : work.composites) types.push_back(made.composite->name);
  std::vector<std::string> questions{made_over_carried(work, carried)};
  for (const sql::QualifiedName& replaced : types) {
    questions.push_back(type_dependents(replaced, replaced.display(context.spec.schema), columns,
                                        dependents_now(context.connection, replaced)));
  }
  for (const EnumColumnWork& column : work.columns) {
    const sql::QualifiedName& table = column.table->name;
    const std::string& name = column.column->name;
    questions.push_back(column_dependents(table, column.label, name,
                                          dependents_now(context.connection, table, name)));
    append(questions, losses_beside_old(back, column, type));
    append(questions, nested_arrays(column));
  }
  return questions;
}

}  // namespace

std::string no_way_back(PlanContext& context, const EnumWork& work) {
  std::vector<std::string> stay;
  for (const EnumDomainWork& domain : work.domains) {
    const auto rules = domain_rules(context.connection, domain, {});
    const bool stays = std::any_of(rules.begin(), rules.end(), [&](const DomainRule& rule) {
      return from_the_start(work, *domain.domain, rule);
    });
    if (!stays) continue;
    stay.push_back(fmt::format("domain {}, of which there are arrays",
                               domain.domain->name.display(context.spec.schema)));
  }
  if (stay.empty()) return {};
  std::string shown = join(
      {stay.begin(), stay.begin() + static_cast<std::ptrdiff_t>(std::min(stay.size(), kMaxNamed))},
      ", ");
  if (stay.size() > kMaxNamed) shown += fmt::format(" and {} more", stay.size() - kMaxNamed);
  return "these do not get their old labels back: " + shown;
}

void return_from_swap(PlanContext& context, const EnumWork& work, Step& swap) {
  const WayBack back(work);
  const Carried carried = carried_objects(context.connection, context.scope, back.work());
  swap.losses = questions(context, back, work, carried);
  const std::vector<EnumTable> tables = enum_tables(back.work());
  for (const EnumTable& columns : tables) {
    swap.undo.push_back(follow(context, back.work(), columns));
  }
  for (const EnumTable& columns : tables) {
    for (const EnumColumnWork* column : columns.columns) {
      for (const sql::Table* leaf : physical_tables(context.catalog, *columns.table)) {
        swap.undo.push_back(fill(context, back.work(), columns, *column, *leaf));
      }
      // Leaf by leaf there is less to go through again; partitions that came since the plan are
      // found by the whole. A tid of two leaves is no harm: the UPDATE looks at the values.
      if (columns.table->kind == 'p') {
        swap.undo.push_back(fill(context, back.work(), columns, *column, *columns.table));
      }
    }
    divert(context, swap.undo, [&] { make_ready(context, back.work(), columns); });
  }
  divert(context, swap.undo, [&] { add_key_steps(context, back.work()); });
  swap.inverse = swap_statements(context, back.work(), carried);
  for (const EnumTable& columns : enum_tables(work)) {
    append(swap.inverse, create_sync(context, work, columns));
  }
}

}  // namespace pgbackfill::planner
