#include "planner/operations/enum/enum_value.hpp"

#include "planner/backfill/reconcile_sql.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/way_back.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// Rows mended after one comparison; what remains is found by the next.
constexpr std::int64_t kMaxStaleRows = 50'000;

/// Lets the condition name columns bare or with the table's own name.
std::string condition_over(std::string_view condition, const sql::Table& table,
                           std::string_view row) {
  return fmt::format("(SELECT ({}) FROM (SELECT {}.*) AS {})", condition, row,
                     quote_identifier(table.name.name));
}

/// The new label for the old one that `old` is.
std::string label_expression(const EnumWork& work, const sql::Table& table, std::string_view old,
                             std::string_view row) {
  const std::string type = work.shadow_type.quoted();
  std::string cases;
  for (const auto& [from, to] : work.remap) {
    std::string value = constant_expression(to, type);
    if (const auto split = work.spec->when.find(from); split != work.spec->when.end()) {
      std::string parts;
      for (const auto& [label, condition] : split->second) {
        parts += fmt::format(" WHEN {} THEN {}", condition_over(condition, table, row),
                             constant_expression(label, type));
      }
      value = fmt::format("CASE{} ELSE {} END", parts, value);
    }
    cases += fmt::format(" WHEN {} THEN {}", quote_literal(from), value);
  }
  if (work.back) {
    // A label that nothing leads back from fails here and is named.
    const std::string fails =
        fmt::format("({}::text || ' (nothing tells what it was)')::{}", old, type);
    return cases.empty() ? fails : fmt::format("(CASE {}::text{} ELSE {} END)", old, cases, fails);
  }
  if (cases.empty()) return fmt::format("NULL::{}", type);
  return fmt::format("(CASE {}::text{} END)", old, cases);
}

/// Of a way back: `kept`, where it agrees with the label `now`, else `value`.
std::string kept_or(const EnumWork& work, std::string_view kept, std::string_view now,
                    std::string value) {
  if (work.agreeing.empty()) return value;
  return fmt::format("(CASE WHEN ({0}::text, {1}::text) IN ({2}) THEN {0} ELSE {3} END)", kept, now,
                     pair_list(work.agreeing), value);
}

/// The new value of labels that lie at `value`, beside those at `kept`.
std::string remapped(const EnumWork& work, const sql::Table& table, bool array,
                     const std::string& value, const std::string& kept, std::string_view row) {
  if (!array) return kept_or(work, kept, value, label_expression(work, table, value, row));
  return fmt::format(
      "(CASE WHEN {0} IS NOT NULL THEN coalesce((SELECT array_agg({1} ORDER BY e.place) FROM "
      "unnest({0}) WITH ORDINALITY AS e (label, place)), '{{}}'::{2}[]) END)",
      value,
      kept_or(work, fmt::format("({})[e.place::integer]", kept), "e.label",
              label_expression(work, table, "e.label", row)),
      work.shadow_type.quoted());
}

/// A row of a composite type, attribute by attribute.
std::string remapped_row(const EnumWork& work, const EnumColumnWork& column,
                         const std::string& value, const std::string& kept, std::string_view row) {
  std::vector<std::string> attributes;
  for (const sql::EnumComposite::Attribute& attribute : column.composite->attributes) {
    const LabelPlace place{attribute.name, attribute.array};
    attributes.push_back(attribute.labels ? remapped(work, *column.table, place.array,
                                                     place.in(value), place.in(kept), row)
                                          : place.in(value));
  }
  return fmt::format("(CASE WHEN {} IS DISTINCT FROM NULL THEN ROW({})::{} END)", value,
                     join(attributes, ", "), shadow_column_type(work, column));
}

}  // namespace

std::string LabelPlace::in(const std::string& value) const {
  return attribute.empty() ? value : fmt::format("({}).{}", value, quote_identifier(attribute));
}

std::string LabelPlace::shown(const EnumColumnWork& column) const {
  return fmt::format("{}.{}{}{}", column.label, column.column->name, attribute.empty() ? "" : ".",
                     attribute);
}

std::vector<LabelPlace> label_places(const EnumColumnWork& column) {
  if (column.composite == nullptr) return {{"", column.array}};
  std::vector<LabelPlace> places;
  for (const sql::EnumComposite::Attribute& attribute : column.composite->attributes) {
    if (attribute.labels) places.push_back({attribute.name, attribute.array});
  }
  return places;
}

std::string shadow_column_type(const EnumWork& work, const EnumColumnWork& column) {
  if (column.composite != nullptr) return work.composite_of(column).shadow.quoted();
  if (column.domain == nullptr) return work.shadow_type.quoted() + (column.array ? "[]" : "");
  return work.domain(column.domain->name)->shadow.quoted() + (column.domain_array ? "[]" : "");
}

bool remaps_plainly(const EnumWork& work, const EnumColumnWork& column) {
  return work.spec->when.empty() && !column.array && column.composite == nullptr;
}

std::string remap_expression(const EnumWork& work, const EnumColumnWork& column,
                             std::string_view row) {
  const std::string value = fmt::format("{}.{}", row, quote_identifier(column.column->name));
  const std::string kept = fmt::format("{}.{}", row, quote_identifier(column.shadow));
  if (column.composite != nullptr) return remapped_row(work, column, value, kept, row);
  const std::string result = remapped(work, *column.table, column.array, value, kept, row);
  // Arrays of a domain and of what it is made of cannot be compared.
  if (!column.domain_array) return result;
  return fmt::format("({}::{})", result, shadow_column_type(work, column));
}

std::string shadow_differs(const EnumWork& work, const EnumColumnWork& column,
                           std::string_view row) {
  const std::string shadow = fmt::format("{}.{}", row, quote_identifier(column.shadow));
  const std::string value = remap_expression(work, column, row);
  // Of a row value's attributes some may have no operator that compares them (json).
  if (column.composite != nullptr) {
    return fmt::format("({})::text IS DISTINCT FROM ({})::text", shadow, value);
  }
  // No operator takes a domain over an enum type.
  const bool bare = column.domain == nullptr || column.array;
  return fmt::format("{} IS DISTINCT FROM {}",
                     bare ? shadow : fmt::format("({}::{})", shadow, work.shadow_type.quoted()),
                     value);
}

Assignment shadow_assignment(const EnumWork& work, const EnumColumnWork& column) {
  Assignment assignment;
  assignment.column = column.shadow;
  assignment.type = column.domain == nullptr || column.domain_array
                        ? shadow_column_type(work, column)
                        : work.shadow_type.quoted() + (column.array ? "[]" : "");
  assignment.expression = remap_expression(work, column, "t");
  if (remaps_plainly(work, column)) {
    assignment.resolve = ResolveKind::kRemap;
    assignment.remap = work.remap;
    assignment.input = column.column->name;
    assignment.input_type = work.type->name.quoted();
  } else {
    assignment.resolve = ResolveKind::kServer;
  }
  // A row value with a NULL in it is neither NULL nor NOT NULL.
  const bool row_value = column.composite != nullptr;
  assignment.pending = fmt::format("t.{} {} AND t.{} {}", quote_identifier(column.column->name),
                                   row_value ? "IS DISTINCT FROM NULL" : "IS NOT NULL",
                                   quote_identifier(assignment.column),
                                   row_value ? "IS NOT DISTINCT FROM NULL" : "IS NULL");
  return assignment;
}

void add_enum_reconcile(PlanContext& context, const EnumWork& work) {
  if (work.spec->when.empty()) return;
  std::vector<Step> steps;
  for (const EnumColumnWork& column : work.columns) {
    for (const std::string& id : backfill_ids(context, *column.table)) {
      const Step* backfill = context.step(id);
      if (backfill == nullptr) continue;
      const TableBackfill& table = *backfill->backfill;
      const Assignment assignment = shadow_assignment(work, column);
      const ValueJoin source = computed_source(assignment.expression);
      Step step = make_step(Stage::kFinish, backfill->table, "reconcile", column.shadow);
      step.kind = StepKind::kReconcile;
      step.title =
          fmt::format("compare {} with its conditions, and mend what differs", column.shadow);
      step.sql = {find_stale(table, assignment, source, kMaxStaleRows),
                  mend_stale(table, assignment)};
      steps.push_back(std::move(step));
    }
  }
  std::move(steps.begin(), steps.end(), std::back_inserter(context.plan.steps));
}

}  // namespace pgbackfill::planner
