#include "planner/operations/enum/enum_return.hpp"

#include "planner/operations/enum/enum_check.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_key.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "planner/plan/losses.hpp"
#include "planner/plan/not_null.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// Rows found by one comparison; what remains is found by the next.
constexpr std::int64_t kMaxFoundRows = 200'000;
/// Objects that stand in the way of a return, by name.
constexpr std::size_t kMaxNamed = 5;

struct Return {
  Pairs becomes;                    ///< new label, old label
  Pairs lossy;                      ///< those of them that may have come from another one
  std::vector<std::string> untold;  ///< new labels of which nothing tells what they become
};

/// unmap first, then the inverse of map where that is unambiguous.
Return labels_back(const EnumWork& work) {
  Return back;
  const auto& old_labels = work.type->labels;
  for (const std::string& label : work.spec->values) {
    std::vector<std::string> origins;
    for (const auto& [from, to] : work.remap) {
      if (to == label) origins.push_back(from);
    }
    std::string old;
    if (const auto found = work.spec->unmap.find(label); found != work.spec->unmap.end()) {
      old = found->second;
    } else if (origins.size() == 1) {
      old = origins.front();
    }
    if (std::find(old_labels.begin(), old_labels.end(), old) == old_labels.end()) {
      back.untold.push_back(label);
      continue;
    }
    back.becomes.emplace_back(label, old);
    if (origins != std::vector{old}) back.lossy.emplace_back(label, old);
  }
  return back;
}

/// CASE from text to text.
std::string translate(const Pairs& pairs, const std::string& from) {
  if (pairs.empty()) return "NULL";
  std::string cases;
  for (const auto& [label, becomes] : pairs) {
    cases += fmt::format(" WHEN {} THEN {}", quote_literal(label), quote_literal(becomes));
  }
  return fmt::format("(CASE {}{} END)", from, cases);
}

/// The old column's value where it does not agree with the new one's; SQL over the row `row`.
struct OldValue {
  std::string old;      ///< the column
  std::string value;    ///< what it is to be, as text
  std::string differs;  ///< whether it is to be written
};

OldValue old_value(const EnumWork& work, const EnumColumnWork& column, std::string_view row) {
  OldValue value;
  const std::string now = fmt::format("{}.{}::text", row, quote_identifier(column.column->name));
  value.old = fmt::format("{}.{}", row, quote_identifier(column.old_name));
  value.value = translate(labels_back(work).becomes, now);
  value.differs =
      fmt::format("({0}::text IS DISTINCT FROM {1} AND {2} IS DISTINCT FROM {3})", value.old,
                  value.value, translate(work.remap, value.old + "::text"), now);
  return value;
}

std::string return_trigger(const EnumWork& work) {
  return sql::fit_identifier("zzz_pgbackfill_return_" + work.type->name.name);
}

std::string return_function(const EnumWork& work, const sql::Table& table) {
  return ledger_function("return", table.name, work.type->name.name).quoted();
}

Step undo_step(const EnumTable& columns, std::string_view what, std::string_view detail,
               std::string title) {
  Step step = make_step(Stage::kFinish, columns.label, what, detail);
  step.title = std::move(title);
  return step;
}

/// The old column follows what live writers do to the new one.
Step follow(const PlanContext& context, const EnumWork& work, const EnumTable& columns) {
  Step step = undo_step(
      columns, "return-trigger", work.type->name.name,
      fmt::format("create a trigger that keeps the old {} columns in step", work.type->name.name));
  std::string assignments;
  std::vector<std::string> conditions;
  for (const EnumColumnWork* column : columns.columns) {
    const OldValue value = old_value(work, *column, "NEW");
    assignments +=
        fmt::format("  IF {} THEN {} := {}; END IF;\n", value.differs, value.old, value.value);
    conditions.push_back(value.differs);
  }
  step.sql = create_row_trigger(context, columns, return_trigger(work),
                                return_function(work, *columns.table), assignments,
                                join(conditions, " OR "));
  step.probe = probe::trigger_exists(columns.table->name, return_trigger(work));
  return step;
}

Step fill(const PlanContext& context, const EnumWork& work, const EnumTable& columns,
          const EnumColumnWork& column, const sql::Table& leaf) {
  const std::string shown = leaf.name.display(context.spec.schema);
  const OldValue value = old_value(work, column, "t");
  Step step = undo_step(columns, "return-values", shown + ":" + column.old_name,
                        fmt::format("fill {} from {}", column.old_name, column.column->name));
  step.table = shown;
  step.kind = StepKind::kFill;
  step.sql = {fmt::format("SELECT t.ctid FROM {} AS t WHERE {} LIMIT {}", leaf.name.quoted(),
                          value.differs, kMaxFoundRows),
              fmt::format("UPDATE {} AS t SET {} = ({})::{} WHERE t.ctid = ANY ($1::tid[]) AND {}",
                          leaf.name.quoted(), quote_identifier(column.old_name), value.value,
                          work.old_type.quoted(), value.differs)};
  return step;
}

std::string not_null_check(const EnumColumnWork& column) {
  return sql::fit_identifier("pgbackfill_" + column.old_name + "_not_null");
}

/// Lets the swap set NOT NULL without reading the table.
void check_not_null(const EnumTable& columns, const EnumColumnWork& column,
                    std::vector<Step>& steps) {
  const sql::QualifiedName& table = columns.table->name;
  const std::string name = not_null_check(column);
  Step add = undo_step(columns, "return-check", column.old_name,
                       fmt::format("check that {} is not null, for new rows", column.old_name));
  add.sql = {
      alter_table(table, fmt::format("ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
                                     quote_identifier(name), quote_identifier(column.old_name)))};
  add.probe = probe::constraint_exists(table, name, false);
  Step validate =
      undo_step(columns, "return-validate", column.old_name,
                fmt::format("check that {} is not null, for all rows", column.old_name));
  validate.sql = {alter_table(table, "VALIDATE CONSTRAINT " + quote_identifier(name))};
  validate.probe = probe::constraint_exists(table, name, true);
  steps.push_back(std::move(add));
  steps.push_back(std::move(validate));
}

/// The steps that build an index, taken out of the plan that they would be appended to.
std::vector<Step> index_steps(PlanContext& context, const EnumTable& columns,
                              const EnumIndex& index) {
  const std::size_t before = context.plan.steps.size();
  add_index_steps(context, {columns.table, columns.label, index.old_name, index.index->unique,
                            index.old_definition});
  const auto first = context.plan.steps.begin() + static_cast<std::ptrdiff_t>(before);
  std::vector<Step> steps(std::make_move_iterator(first),
                          std::make_move_iterator(context.plan.steps.end()));
  context.plan.steps.erase(first, context.plan.steps.end());
  return steps;
}

void swap_columns_back(const PlanContext& context, const EnumWork& work, const EnumTable& columns,
                       std::vector<std::string>& statements) {
  const sql::QualifiedName& table = columns.table->name;
  statements.push_back(fmt::format("DROP TRIGGER IF EXISTS {} ON {}",
                                   quote_identifier(return_trigger(work)), table.quoted()));
  statements.push_back(
      fmt::format("DROP FUNCTION IF EXISTS {}()", return_function(work, *columns.table)));
  for (const EnumColumnWork* column : columns.columns) {
    const std::string& name = column->column->name;
    statements.push_back(rename_column(table, name, column->shadow));
    statements.push_back(rename_column(table, column->old_name, name));
    statements.push_back(alter_table(table, alter_column(column->shadow, "DROP DEFAULT")));
    append(statements, hand_over_not_null(context, *columns.table, *column->column, column->shadow,
                                          column->old_name, false)
                           .back);
    // Only a check that is valid before SET NOT NULL spares the scan.
    statements.push_back(alter_table(
        table, "DROP CONSTRAINT IF EXISTS " + quote_identifier(not_null_check(*column))));
  }
}

/// What needs the types to have their names back.
void decorate_back(PlanContext& context, const EnumWork& work, const EnumTable& columns,
                   std::vector<std::string>& statements) {
  const sql::QualifiedName& table = columns.table->name;
  for (const EnumColumnWork* column : columns.columns) {
    const std::string& name = column->column->name;
    if (column->column->default_expression) {
      statements.push_back(alter_table(
          table, alter_column(name, "SET DEFAULT " + *column->column->default_expression)));
    }
    append(statements, sql::column_decoration(context.connection, table, name, name));
  }
  append(statements, create_sync(context, work, columns));
  for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
    const std::string& name = index.index->name;
    for (const EnumColumnWork* column : columns.columns) {
      if (!mentions_word(index.definition, column->shadow)) continue;
      statements.push_back(
          rename_column({table.schema, name}, column->column->name, column->shadow));
    }
    statements.push_back(rename_index(table.schema, name, index.shadow_name));
    statements.push_back(rename_index(table.schema, index.old_name, name));
    if (index.comment) {
      statements.push_back(fmt::format("COMMENT ON INDEX {} IS {}",
                                       sql::QualifiedName{table.schema, name}.quoted(),
                                       quote_literal(*index.comment)));
    }
    if (index.index->clustered) {
      statements.push_back(
          alter_table(table, fmt::format("CLUSTER ON {}", quote_identifier(name))));
    }
  }
}

std::string values_list(const Pairs& pairs) {
  std::vector<std::string> rows;
  for (const auto& [label, becomes] : pairs) {
    rows.push_back(fmt::format("({}, {})", quote_literal(label), quote_literal(becomes)));
  }
  return join(rows, ", ");
}

/// Losses among the rows of a column that `where` holds for.
std::vector<std::string> label_counts(const EnumWork& work, const EnumColumnWork& column,
                                      const std::string& type, const std::string& where) {
  const Return back = labels_back(work);
  const std::string counts =
      fmt::format("(SELECT t.{}::text AS label, count(*) AS rows FROM {} AS t WHERE {} GROUP BY 1)",
                  quote_identifier(column.column->name), column.table->name.quoted(), where);
  const std::string rows =
      "c.rows || CASE c.rows WHEN 1 THEN ' row ' ELSE ' rows ' END || quote_literal(c.label)";
  const std::string place =
      quote_literal(fmt::format("{}.{}: ", column.label, column.column->name));
  std::vector<std::string> losses;
  if (!back.lossy.empty()) {
    losses.push_back(fmt::format(
        "SELECT {} || {} || CASE c.rows WHEN 1 THEN ' becomes ' ELSE ' become ' END || "
        "quote_literal(v.becomes), false FROM {} AS c JOIN (VALUES {}) AS v (label, becomes) ON "
        "v.label = c.label ORDER BY c.label",
        place, rows, counts, values_list(back.lossy)));
  }
  if (!back.untold.empty()) {
    losses.push_back(fmt::format(
        "SELECT {} || {} || {}, true FROM {} AS c WHERE c.label IN ({}) ORDER BY c.label", place,
        rows,
        quote_literal(fmt::format(": neither unmap nor the inverse of map of type {} tells what "
                                  "becomes of it; give those rows a label that comes back, and "
                                  "roll back again",
                                  type)),
        counts, literal_list(back.untold)));
  }
  return losses;
}

}  // namespace

std::vector<std::string> label_losses(const EnumWork& work, const EnumColumnWork& column,
                                      const std::string& type) {
  return label_counts(work, column, type, "true");
}

std::string no_way_back(PlanContext& context, const EnumWork& work, const Carried& carried) {
  if (!work.spec->when.empty()) {
    return "the rows got their labels by the conditions of \"when\", which lead only one way";
  }
  std::vector<std::string> anew;
  for (const CarriedObject& object : carried.objects) anew.push_back(object.description);
  for (const EnumTable& columns : enum_tables(work)) {
    for (const EnumColumnWork* column : columns.columns) {
      if (column->array)
        anew.push_back(fmt::format("array {}.{}", columns.label, column->column->name));
    }
    for (const EnumCheck& check : enum_table_checks(context.connection, work, *columns.table)) {
      anew.push_back(fmt::format("CHECK {} of table {}", check.name, columns.label));
    }
    for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
      if (!index.plain) {
        anew.push_back(fmt::format("index {} of table {}", index.index->name, columns.label));
      }
    }
  }
  for (const EnumKey& key : enum_keys(context.connection, work)) {
    anew.push_back(fmt::format("foreign key {} of table {}", key.name,
                               key.table.display(context.spec.schema)));
  }
  if (anew.empty()) return {};
  std::string shown = join(
      {anew.begin(), anew.begin() + static_cast<std::ptrdiff_t>(std::min(anew.size(), kMaxNamed))},
      ", ");
  if (anew.size() > kMaxNamed) shown += fmt::format(" and {} more", anew.size() - kMaxNamed);
  return "only plain columns and indexes get their old labels back, not " + shown;
}

void return_from_swap(PlanContext& context, const EnumWork& work, Step& swap) {
  const std::vector<EnumTable> tables = enum_tables(work);
  const std::string type = work.type->name.display(context.spec.schema);
  std::vector<ColumnName> known;
  for (const EnumColumnWork& column : work.columns) {
    for (const std::string& name : {column.column->name, column.old_name, column.shadow}) {
      known.emplace_back(column.table->name, name);
    }
  }
  swap.losses = {type_dependents(work.type->name, type, known)};
  for (const EnumTable& columns : tables) swap.undo.push_back(follow(context, work, columns));
  for (const EnumTable& columns : tables) {
    for (const EnumColumnWork* column : columns.columns) {
      for (const sql::Table* leaf : physical_tables(context.catalog, *columns.table)) {
        swap.undo.push_back(fill(context, work, columns, *column, *leaf));
      }
      if (column->column->not_null) check_not_null(columns, *column, swap.undo);
      swap.losses.push_back(
          column_dependents(columns.table->name, columns.label, column->column->name));
      // While the old values still stand, only the rows that no longer agree with them lose; the
      // first condition is asked once, before any row is read.
      const std::string old = quote_literal(column->old_name);
      const std::string agrees = translate(work.remap, fmt::format("(to_jsonb(t) ->> {})", old));
      append(swap.losses,
             label_counts(work, *column, type,
                          fmt::format("({}) AND {} IS DISTINCT FROM t.{}::text",
                                      probe::column_exists(columns.table->name, column->old_name),
                                      agrees, quote_identifier(column->column->name))));
    }
    for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
      std::vector<Step> build = index_steps(context, columns, index);
      std::move(build.begin(), build.end(), std::back_inserter(swap.undo));
    }
  }
  for (const EnumTable& columns : tables) swap_columns_back(context, work, columns, swap.inverse);
  swap.inverse.push_back(rename_type(work.type->name, work.shadow_type.name));
  swap.inverse.push_back(rename_type(work.old_type, work.type->name.name));
  for (const EnumTable& columns : tables) decorate_back(context, work, columns, swap.inverse);
}

}  // namespace pgbackfill::planner
