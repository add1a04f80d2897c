#include "planner/operations/enum/enum_plan.hpp"

#include "planner/operations/enum/enum_index.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

constexpr std::string_view kReversedByUnmap =
    "the old labels are gone; they come back through unmap, by rewriting the rows";
constexpr std::string_view kNoUnmap =
    "the old labels are gone, and the migration file has no unmap that would bring them back";

std::string irreversible_text(const EnumWork& work) {
  return std::string(work.spec->unmap.empty() ? kNoUnmap : kReversedByUnmap);
}

std::string type_label(const PlanContext& context, const EnumWork& work) {
  return work.type->name.display(context.spec.schema);
}

/// The columns of a type by table, in catalog order.
struct TableColumns {
  const sql::Table* table = nullptr;
  std::string label;
  std::vector<const EnumColumnWork*> columns;
};

std::vector<TableColumns> by_table(const EnumWork& work) {
  std::vector<TableColumns> tables;
  for (const EnumColumnWork& column : work.columns) {
    auto found = std::find_if(tables.begin(), tables.end(),
                              [&](const TableColumns& t) { return t.table == column.table; });
    if (found == tables.end()) {
      found = tables.insert(tables.end(), TableColumns{column.table, column.label, {}});
    }
    found->columns.push_back(&column);
  }
  return tables;
}

/// One trigger a type, so that the swap of one type leaves the others' columns in step.
std::string sync_trigger(const EnumWork& work) {
  return sql::fit_identifier("zzz_pgbackfill_sync_" + work.type->name.name);
}

std::string sync_function(const EnumWork& work, const sql::Table& table) {
  return ledger_function("sync", table.name, work.type->name.name).quoted();
}

std::vector<std::string> drop_sync(const EnumWork& work, const sql::Table& table) {
  return {fmt::format("DROP TRIGGER IF EXISTS {} ON {}", quote_identifier(sync_trigger(work)),
                      table.name.quoted()),
          fmt::format("DROP FUNCTION IF EXISTS {}()", sync_function(work, table))};
}

/// Owner, privileges and comment of the old type for the new one.
std::vector<std::string> type_decoration(sql::Connection& connection, const EnumWork& work) {
  const std::string name = work.shadow_type.quoted();
  const sql::Result rows = connection.execute(
      "SELECT statement FROM ("
      "SELECT 1 AS place, format('REVOKE ALL ON TYPE %s FROM PUBLIC', $2::text) AS statement "
      "FROM pg_type WHERE oid = $1::regtype AND typacl IS NOT NULL "
      "UNION ALL SELECT 2, format('GRANT %s ON TYPE %s TO %s%s', g.privilege_type, $2::text, "
      "CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, "
      "CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
      "FROM pg_type AS t, aclexplode(t.typacl) AS g WHERE t.oid = $1::regtype "
      "UNION ALL SELECT 3, format('COMMENT ON TYPE %s IS %L', $2::text, "
      "obj_description($1::regtype, 'pg_type')) "
      "WHERE obj_description($1::regtype, 'pg_type') IS NOT NULL "
      "UNION ALL SELECT 4, format('ALTER TYPE %s OWNER TO %I', $2::text, "
      "pg_get_userbyid(typowner)) FROM pg_type WHERE oid = $1::regtype "
      "AND pg_get_userbyid(typowner) <> current_user) AS d ORDER BY place, statement",
      {work.type->name.quoted(), name});
  std::vector<std::string> statements;
  for (int i = 0; i < rows.rows(); ++i) statements.emplace_back(rows.text(i, 0));
  return statements;
}

void create_type(PlanContext& context, const EnumWork& work) {
  const std::string name = work.shadow_type.quoted();
  Step step = make_step(Stage::kExpand, type_label(context, work), "create-type");
  step.table.clear();
  step.title = fmt::format("create the new labels of {} as {}", type_label(context, work),
                           work.shadow_type.name);
  step.sql = {fmt::format("CREATE TYPE {} AS ENUM ({})", name, literal_list(work.spec->values))};
  for (std::string& statement : type_decoration(context.connection, work)) {
    step.sql.push_back(std::move(statement));
  }
  step.probe = probe::type_exists(work.shadow_type);
  step.inverse = {fmt::format("DROP TYPE IF EXISTS {}", name)};
  context.plan.steps.push_back(std::move(step));
}

void add_shadow(PlanContext& context, const EnumWork& work, const EnumColumnWork& column) {
  const sql::QualifiedName& table = column.table->name;
  Step step = make_step(Stage::kExpand, column.label, "add-column", column.shadow);
  step.title =
      fmt::format("add column {} for the new labels of {}", column.shadow, column.column->name);
  step.sql = {alter_table(table, fmt::format("ADD COLUMN {} {}", quote_identifier(column.shadow),
                                             work.shadow_type.quoted()))};
  step.probe = probe::column_exists(table, column.shadow);
  step.inverse = {
      alter_table(table, fmt::format("DROP COLUMN IF EXISTS {}", quote_identifier(column.shadow)))};
  context.plan.steps.push_back(std::move(step));
}

void add_sync_trigger(PlanContext& context, const EnumWork& work, const TableColumns& columns) {
  const sql::Table& table = *columns.table;
  const std::string function = sync_function(work, table);
  std::string body = "BEGIN\n";
  std::vector<std::string> conditions;
  for (const EnumColumnWork* column : columns.columns) {
    const std::string target = "NEW." + quote_identifier(column->shadow);
    const std::string value = remap_expression(work, *column, "NEW");
    body += fmt::format("  {} := {};\n", target, value);
    conditions.push_back(fmt::format("{} IS DISTINCT FROM {}", target, value));
  }
  body += "  RETURN NEW;\nEND";
  Step step = make_step(Stage::kExpand, columns.label, "sync-trigger", work.type->name.name);
  step.title =
      fmt::format("create a trigger that keeps the new {} columns in step", work.type->name.name);
  step.sql = {
      fmt::format("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY "
                  "DEFINER SET search_path = {} AS {}",
                  function, trigger_search_path(context.spec.schema), quote_literal(body)),
      fmt::format("CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW WHEN ({}) EXECUTE "
                  "FUNCTION {}()",
                  quote_identifier(sync_trigger(work)), table.name.quoted(),
                  join(conditions, " OR "), function)};
  step.probe = probe::trigger_exists(table.name, sync_trigger(work));
  step.inverse = drop_sync(work, table);
  context.plan.steps.push_back(std::move(step));
}

std::string alter_column(const std::string& column, std::string_view action) {
  return fmt::format("ALTER COLUMN {} {}", quote_identifier(column), action);
}

/// What the swap does to one table.
void swap_table(PlanContext& context, const EnumWork& work, const TableColumns& columns,
                std::vector<std::string>& statements) {
  const sql::QualifiedName& table = columns.table->name;
  for (std::string& statement : drop_sync(work, *columns.table)) {
    statements.push_back(std::move(statement));
  }
  const auto rename = [&](const std::string& from, const std::string& to) {
    statements.push_back(alter_table(
        table,
        fmt::format("RENAME COLUMN {} TO {}", quote_identifier(from), quote_identifier(to))));
  };
  for (const EnumColumnWork* column : columns.columns) {
    const std::string& name = column->column->name;
    rename(name, column->old_name);
    rename(column->shadow, name);
    std::vector<std::string> actions{alter_column(column->old_name, "DROP NOT NULL"),
                                     alter_column(column->old_name, "DROP DEFAULT")};
    if (column->column->not_null) actions.push_back(alter_column(name, "SET NOT NULL"));
    if (column->default_label) {
      for (const auto& [from, to] : work.remap) {
        if (from != *column->default_label) continue;
        actions.push_back(alter_column(
            name, "SET DEFAULT " + constant_expression(to, work.shadow_type.quoted())));
      }
    }
    statements.push_back(alter_table(table, join(actions, ", ")));
    for (std::string& statement : sql::column_decoration(context.connection, table, name, name)) {
      statements.push_back(std::move(statement));
    }
  }
  for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
    const auto rename_index = [&](const std::string& from, const std::string& to) {
      statements.push_back(fmt::format("ALTER INDEX {} RENAME TO {}",
                                       sql::QualifiedName{table.schema, from}.quoted(),
                                       quote_identifier(to)));
    };
    rename_index(index.name, sql::fit_identifier("pgbackfill_old_" + index.name));
    rename_index(index.shadow_name, index.name);
    // An index keeps the names its columns had when it was built.
    for (const EnumColumnWork* column : columns.columns) {
      if (!mentions_word(index.definition, column->shadow)) continue;
      statements.push_back(
          alter_table({table.schema, index.name},
                      fmt::format("RENAME COLUMN {} TO {}", quote_identifier(column->shadow),
                                  quote_identifier(column->column->name))));
    }
    if (index.clustered) {
      statements.push_back(
          alter_table(table, fmt::format("CLUSTER ON {}", quote_identifier(index.name))));
    }
  }
}

void swap(PlanContext& context, const EnumWork& work) {
  Step step = make_step(Stage::kFinish, type_label(context, work), "swap");
  step.table.clear();
  step.title = fmt::format("cutover: swap in the new labels of {}", type_label(context, work));
  for (const TableColumns& columns : by_table(work)) {
    swap_table(context, work, columns, step.sql);
  }
  step.sql.push_back(fmt::format("ALTER TYPE {} RENAME TO {}", work.type->name.quoted(),
                                 quote_identifier(work.old_type.name)));
  step.sql.push_back(fmt::format("ALTER TYPE {} RENAME TO {}", work.shadow_type.quoted(),
                                 quote_identifier(work.type->name.name)));
  // The types change names in the same transaction as the columns.
  step.probe = probe::no(probe::type_exists(work.shadow_type));
  step.irreversible = irreversible_text(work);
  context.plan.steps.push_back(std::move(step));
}

void drop_old(PlanContext& context, const EnumWork& work) {
  for (const TableColumns& columns : by_table(work)) {
    const sql::QualifiedName& table = columns.table->name;
    for (const EnumColumnWork* column : columns.columns) {
      Step step = make_step(Stage::kFinish, columns.label, "drop-column", column->old_name);
      step.title =
          fmt::format("drop {}, the old values of {}", column->old_name, column->column->name);
      step.sql = {alter_table(
          table, fmt::format("DROP COLUMN IF EXISTS {}", quote_identifier(column->old_name)))};
      step.probe = probe::no(probe::column_exists(table, column->old_name));
      step.irreversible = irreversible_text(work);
      context.plan.steps.push_back(std::move(step));
    }
  }
  Step step = make_step(Stage::kFinish, type_label(context, work), "drop-type");
  step.table.clear();
  step.title = fmt::format("drop the old type {}", work.old_type.name);
  step.sql = {fmt::format("DROP TYPE IF EXISTS {}", work.old_type.quoted())};
  step.probe = probe::no(probe::type_exists(work.old_type));
  step.irreversible = irreversible_text(work);
  context.plan.steps.push_back(std::move(step));
}

}  // namespace

std::string remap_expression(const EnumWork& work, const EnumColumnWork& column,
                             std::string_view row) {
  std::string cases;
  for (const auto& [from, to] : work.remap) {
    cases += fmt::format(" WHEN {} THEN {}", quote_literal(from),
                         constant_expression(to, work.shadow_type.quoted()));
  }
  if (cases.empty()) return fmt::format("NULL::{}", work.shadow_type.quoted());
  return fmt::format("(CASE {}.{}::text{} END)", row, quote_identifier(column.column->name), cases);
}

void plan_enum_expand(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    create_type(context, work);
    for (const TableColumns& columns : by_table(work)) {
      for (const EnumColumnWork* column : columns.columns) {
        add_shadow(context, work, *column);
        context.new_columns.push_back({columns.table, columns.label, column->column->name});
      }
      add_sync_trigger(context, work, columns);
    }
  }
}

void plan_enum_enforce(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    for (const EnumColumnWork& column : work.columns) {
      if (!column.column->not_null) continue;
      add_not_null_steps(context, {column.table, column.label, column.shadow, false, "", {}, {}});
    }
  }
}

void plan_enum_indexes(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    for (const TableColumns& columns : by_table(work)) {
      for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
        add_index_steps(context, {columns.table, columns.label, index.shadow_name, index.unique,
                                  index.definition});
      }
    }
  }
}

void plan_enum_finish(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path == EnumPath::kRename) {
      plan_enum_rename(context, work);
    } else if (work.path == EnumPath::kShadow) {
      swap(context, work);
      drop_old(context, work);
    }
    context.plan.enums.push_back({work.type->name, work.spec->values, work.spec->strict_order});
  }
}

}  // namespace pgbackfill::planner
