#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/enum_check.hpp"
#include "planner/operations/enum/enum_domain.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_key.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/enum_return.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "planner/plan/not_null.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// Whoever waits here with a view or table locked, longer than the server lets deadlocks be, might
/// cost a transaction of the application.
constexpr std::string_view kStepBackFirst =
    "SELECT set_config('lock_timeout', (deadlock / 2)::integer || 'ms', true) FROM (SELECT "
    "extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000, extract(epoch FROM "
    "current_setting('lock_timeout')::interval) * 1000) AS s (deadlock, lock) WHERE deadlock >= 2 "
    "AND (lock > deadlock / 2 OR lock = 0)";

std::string comment_on(std::string_view what, const std::optional<std::string>& comment) {
  return fmt::format("COMMENT ON {} IS {}", what, quote_literal(*comment));
}

/// Writers are kept out first while readers still pass: whoever wrote may then read a view and
/// end, and whoever reads a view gets its tables. Only then is a view locked, and the tables again.
std::string keep_writers_out(const std::vector<EnumTable>& tables) {
  std::vector<std::string> names;
  for (const EnumTable& columns : tables) names.push_back(columns.table->name.quoted());
  return fmt::format("LOCK TABLE {} IN EXCLUSIVE MODE", join(names, ", "));
}

/// What the swap does to one table, as statements.
class TableSwap {
 public:
  TableSwap(PlanContext& context, const EnumWork& work, const EnumTable& columns)
      : context_(context),
        work_(work),
        columns_(columns),
        table_(columns.table->name),
        checks_(enum_table_checks(context.connection, work, *columns.table)),
        indexes_(enum_indexes(context.connection, work, *columns.table)) {}

  std::vector<std::string> statements() {
    append(statements_, drop_sync(work_, *columns_.table));
    if (work_.back) {
      put_aside();
    } else {
      drop_rules();
    }
    for (const EnumColumnWork* column : columns_.columns) swap_column(*column);
    for (const EnumCheck& check : checks_) swap_check(check);
    for (const EnumIndex& index : indexes_) swap_index(index);
    return std::move(statements_);
  }

 private:
  void add(std::string statement) { statements_.push_back(std::move(statement)); }
  void alter(std::string_view action) { add(alter_table(table_, action)); }
  std::string relation(const std::string& name) const {
    return sql::QualifiedName{table_.schema, name}.quoted();
  }

  /// The old column is NULL in new rows: what judges it must not outlive the swap.
  void drop_rules() {
    for (const EnumCheck& check : checks_) {
      alter("DROP CONSTRAINT " + quote_identifier(check.name));
    }
    for (const EnumIndex& index : indexes_) {
      if (index.constraint_kind != ' ') {
        alter("DROP CONSTRAINT " + quote_identifier(index.index->name));
      } else if (index.index->unique || table_kind() == 'p') {
        add("DROP INDEX " + relation(index.index->name));
      }
    }
  }

  /// Of a way back: all is to be as it was before the swap, from which a run may go on.
  void put_aside() {
    for (const EnumCheck& check : checks_) {
      alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(check.name),
                        quote_identifier(work_.aside_name(check.name))));
    }
    for (const EnumIndex& index : indexes_) {
      const std::string& name = index.index->name;
      if (index.constraint_kind == ' ') {
        add(rename_index(table_.schema, name, index.aside_name));
      } else if (index.built_as_constraint()) {
        alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(name),
                          quote_identifier(index.aside_name)));
      } else {
        // No constraint gives its index back: another one has been built.
        alter("DROP CONSTRAINT " + quote_identifier(name));
      }
      for (const EnumColumnWork* column : columns_.columns) {
        if (!index_uses(*index.index, column->column->name)) continue;
        add(rename_column({table_.schema, index.aside_name}, column->column->name,
                          column->old_name));
      }
    }
  }

  void swap_column(const EnumColumnWork& column) {
    const std::string& name = column.column->name;
    add(rename_column(table_, name, column.old_name));
    add(rename_column(table_, column.shadow, name));
    append(statements_, hand_over_not_null(context_, *columns_.table, *column.column, column.shadow,
                                           column.old_name, work_.back)
                            .forth);
    std::vector<std::string> actions{alter_column(column.old_name, "DROP DEFAULT")};
    if (column.column->default_expression) {
      actions.push_back(alter_column(
          name, "SET DEFAULT " + rewritten_default(context_.connection, work_, column).text));
    }
    alter(join(actions, ", "));
    append(statements_, sql::column_decoration(context_.connection, table_, name, name));
  }

  void swap_check(const EnumCheck& check) {
    alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(check.shadow_name),
                      quote_identifier(check.name)));
    if (check.comment) comment_constraint(check.name, check.comment);
  }

  void comment_constraint(const std::string& name, const std::optional<std::string>& comment) {
    add(comment_on(fmt::format("CONSTRAINT {} ON {}", quote_identifier(name), table_.quoted()),
                   comment));
  }

  char table_kind() const { return columns_.table->kind; }

  /// An index keeps the names its columns had when it was built.
  void rename_keys_of(const EnumIndex& index, const sql::QualifiedName& built) {
    for (const EnumColumnWork* column : columns_.columns) {
      if (!index_uses(*index.index, column->column->name)) continue;
      rename_index_column(built, *column);
    }
  }

  void swap_partitioned_index(const EnumIndex& index) {
    const std::string& name = index.index->name;
    if (index.constraint_kind == ' ') {
      // Renames the keys of the parts too.
      rename_keys_of(index, {table_.schema, index.shadow_name});
      add(rename_index(table_.schema, index.shadow_name, name));
    }
    // From the leaves up: each level takes in those below it.
    for (auto part = index.parts.rbegin(); part != index.parts.rend(); ++part) {
      swap_part(index, *part);
    }
    if (index.constraint_kind != ' ') add_constraint(table_, name, index.constraint_clause);
    decorate_index(index);
  }

  void swap_part(const EnumIndex& index, const IndexPart& part) {
    const sql::QualifiedName built = partition_index(index.shadow_name, part.table);
    const std::string quoted = quote_identifier(part.name);
    if (index.constraint_kind == ' ') {
      add(rename_index(built.schema, built.name, part.name));
    } else if (part.partitioned) {
      add_constraint(part.table, part.name, index.constraint_clause);
    } else {
      rename_keys_of(index, built);
      add(rename_index(built.schema, built.name, part.name));
      add_constraint(part.table, part.name,
                     fmt::format("{} USING INDEX {}",
                                 index.constraint_kind == 'p' ? "PRIMARY KEY" : "UNIQUE", quoted));
    }
    if (part.comment) {
      add(comment_on("INDEX " + sql::QualifiedName{built.schema, part.name}.quoted(),
                     part.comment));
    }
    if (part.constraint_comment) {
      add(comment_on(fmt::format("CONSTRAINT {} ON {}", quoted, part.table.quoted()),
                     part.constraint_comment));
    }
    if (part.clustered) add(alter_table(part.table, "CLUSTER ON " + quoted));
    if (part.replica_identity) {
      add(alter_table(part.table, "REPLICA IDENTITY USING INDEX " + quoted));
    }
  }

  void add_constraint(const sql::QualifiedName& table, const std::string& name,
                      std::string_view definition) {
    add(alter_table(table,
                    fmt::format("ADD CONSTRAINT {} {}", quote_identifier(name), definition)));
  }

  void swap_index(const EnumIndex& index) {
    if (table_kind() == 'p') return swap_partitioned_index(index);
    const std::string& name = index.index->name;
    rename_keys_of(index, {table_.schema, index.shadow_name});
    if (index.constraint_kind == ' ') {
      if (!index.index->unique && !work_.back) {
        add(rename_index(table_.schema, name, index.aside_name));
      }
      add(rename_index(table_.schema, index.shadow_name, name));
    } else if (index.built_as_constraint()) {
      alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(index.shadow_name),
                        quote_identifier(name)));
    } else {
      add(rename_index(table_.schema, index.shadow_name, name));
      alter(fmt::format("ADD CONSTRAINT {0} {1} USING INDEX {0}", quote_identifier(name),
                        index.constraint_kind == 'p' ? "PRIMARY KEY" : "UNIQUE"));
    }
    decorate_index(index);
  }

  void rename_index_column(const sql::QualifiedName& name, const EnumColumnWork& column) {
    const std::string rename = rename_column(name, column.shadow, column.column->name);
    if (!work_.back) return add(rename);
    // The former index itself may stand yet, whose columns never had another name.
    add("DO " +
        quote_literal(fmt::format("BEGIN IF {} THEN {}; END IF; END",
                                  "(" + probe::column_exists(name, column.shadow) + ")", rename)));
  }

  void decorate_index(const EnumIndex& index) {
    const std::string& name = index.index->name;
    if (index.comment) add(comment_on("INDEX " + relation(name), index.comment));
    if (index.constraint_comment) comment_constraint(name, index.constraint_comment);
    for (const std::string& target : index.targets) {
      const auto space = target.find(' ');
      add(fmt::format("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS {}", relation(name),
                      target.substr(0, space), target.substr(space + 1)));
    }
    if (index.index->clustered) alter("CLUSTER ON " + quote_identifier(name));
    if (index.index->replica_identity) {
      alter("REPLICA IDENTITY USING INDEX " + quote_identifier(name));
    }
  }

  PlanContext& context_;
  const EnumWork& work_;
  const EnumTable& columns_;
  const sql::QualifiedName& table_;
  std::vector<EnumCheck> checks_;
  std::vector<EnumIndex> indexes_;
  std::vector<std::string> statements_;
};

/// Fails the swap when something made after the plan still hangs on the old columns: it would go
/// on reading values that no longer change.
std::string nothing_left_behind(const EnumWork& work) {
  // On a way back what judges the columns alone stays with them.
  const std::string_view stays = work.back ? "AND d.classid <> 'pg_constraint'::regclass " : "";
  std::vector<std::string> columns;
  for (const EnumColumnWork& column : work.columns) {
    columns.push_back(fmt::format("({}::regclass, {})", quote_literal(column.table->name.quoted()),
                                  quote_literal(column.old_name)));
  }
  const std::string body = fmt::format(
      "DECLARE found text; BEGIN\n"
      "SELECT string_agg(DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid), ', ')\n"
      "  INTO found FROM (VALUES {}) AS old (relation, name)\n"
      "  JOIN pg_attribute AS a ON a.attrelid = old.relation AND a.attname = old.name\n"
      "  JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid\n"
      "    AND d.refobjsubid = a.attnum AND d.deptype = 'n'\n"
      "  LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid\n"
      "  WHERE c.relkind IS DISTINCT FROM 'i' {};\n"
      "IF found IS NOT NULL THEN RAISE EXCEPTION USING\n"
      "  MESSAGE = 'made after the plan, and reads the old values: ' || found,\n"
      "  HINT = 'Drop it, {} again, and create it again afterwards.'; END IF;\n"
      "END",
      join(columns, ", "), stays, work.back ? "roll back" : "run");
  return "DO " + quote_literal(body);
}

void add_refresh(PlanContext& context, const CarriedObject& view) {
  Step step = make_step(Stage::kFinish, view.description, "refresh");
  step.table.clear();
  step.title = fmt::format("fill {}, which the cutover left empty", view.description);
  step.sql = {fmt::format("REFRESH MATERIALIZED VIEW {}", view.name)};
  step.probe = fmt::format(
      "SELECT coalesce((SELECT relispopulated FROM pg_catalog.pg_class WHERE oid = "
      "to_regclass({})), false)",
      quote_literal(view.name));
  context.plan.notes.push_back(
      fmt::format("{}: the cutover creates it empty, and it cannot be read until the next step has "
                  "filled it",
                  view.description));
  context.plan.steps.push_back(std::move(step));
}

/// Extended statistics are collected only together with all of their columns.
void analyze_whole(PlanContext& context, const std::vector<EnumTable>& tables) {
  for (const EnumTable& columns : tables) {
    for (const sql::Column& column : columns.table->columns) {
      const bool listed = std::any_of(
          context.new_columns.begin(), context.new_columns.end(), [&](const NewColumn& known) {
            return known.table == columns.table && known.name == column.name;
          });
      if (!listed) context.new_columns.push_back({columns.table, columns.label, column.name});
    }
  }
}

/// Each in its turn, whichever of them the swap has left empty.
std::string refill(const CarriedObject& view) {
  return "DO " +
         quote_literal(fmt::format("BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = "
                                   "to_regclass({}) AND NOT relispopulated) THEN REFRESH "
                                   "MATERIALIZED VIEW {}; END IF; END",
                                   quote_literal(view.name), view.name));
}

/// The swap's inverse leaves them empty too, and what follows it is what was done before the swap.
void add_refill(PlanContext& context, const EnumWork& work, const Carried& carried) {
  Step step = make_step(Stage::kFinish, type_label(context, work), "refill");
  step.table.clear();
  step.title = "nothing now; on a rollback, fill the materialized views again";
  for (const CarriedObject& object : carried.objects) {
    if (object.stored && object.populated) step.inverse.push_back(refill(object));
  }
  if (!step.inverse.empty()) context.plan.steps.push_back(std::move(step));
}

}  // namespace

std::vector<std::string> swap_statements(PlanContext& context, const EnumWork& work,
                                         const Carried& carried) {
  std::vector<std::string> statements;
  const std::vector<EnumTable> tables = enum_tables(work);
  const std::vector<EnumKey> keys = enum_keys(context.connection, work);
  if (!carried.objects.empty() || !keys.empty()) {
    statements.emplace_back(kStepBackFirst);
    // Bodies are judged when they run, as before.
    if (!carried.objects.empty()) statements.emplace_back("SET LOCAL check_function_bodies = off");
    if (!tables.empty()) statements.push_back(keep_writers_out(tables));
  }
  append(statements, drop_keys(keys));
  for (const CarriedObject* object : in_drop_order(carried.objects)) {
    append(statements, object->drop);
  }
  for (const EnumTable& columns : tables) {
    append(statements, TableSwap(context, work, columns).statements());
  }
  append(statements, rename_keys(keys));
  statements.push_back(rename_type(work.type->name, work.old_type.name));
  statements.push_back(rename_type(work.shadow_type, work.type->name.name));
  append(statements, swap_domains(context, work));
  for (const CarriedObject& object : carried.objects) append(statements, object.create);
  if (!work.columns.empty()) statements.push_back(nothing_left_behind(work));
  return statements;
}

std::string add_swap(PlanContext& context, const EnumWork& work) {
  const Carried carried = carried_objects(context.connection, context.scope, work);
  std::string no_return = no_way_back(context, work);
  if (no_return.empty()) add_refill(context, work, carried);
  Step step = make_step(Stage::kFinish, type_label(context, work), "swap");
  step.table.clear();
  step.title = fmt::format("cutover: swap in the new labels of {}", type_label(context, work));
  if (!carried.objects.empty()) {
    step.title += fmt::format(", and set up {} object{} anew", carried.objects.size(),
                              carried.objects.size() == 1 ? "" : "s");
  }
  step.sql = swap_statements(context, work, carried);
  // The types change names in the same transaction as the columns.
  step.probe = probe::no(probe::type_exists(work.shadow_type));
  if (no_return.empty()) return_from_swap(context, work, step);
  step.irreversible = no_return;
  context.plan.steps.push_back(std::move(step));
  const std::vector<EnumTable> tables = enum_tables(work);
  for (const CarriedObject& object : carried.objects) {
    if (object.stored && object.populated) add_refresh(context, object);
    if (object.kind == "statistics" || object.kind == "generated") analyze_whole(context, tables);
  }
  return no_return;
}

}  // namespace pgbackfill::planner
