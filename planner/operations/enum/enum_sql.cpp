#include "planner/operations/enum/enum_sql.hpp"

#include "planner/operations/enum/enum_value.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {

using sql::quote_identifier;
using sql::quote_literal;

std::vector<std::string> type_decoration(sql::Connection& connection,
                                         const sql::QualifiedName& like,
                                         const sql::QualifiedName& type) {
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
      {like.quoted(), type.quoted()});
  std::vector<std::string> statements;
  for (int i = 0; i < rows.rows(); ++i) statements.emplace_back(rows.text(i, 0));
  return statements;
}

namespace {

std::string sync_function(const EnumWork& work, const sql::Table& table) {
  return ledger_function(work.back ? "return" : "sync", table.name, work.type->name.name).quoted();
}

}  // namespace

std::vector<EnumTable> enum_tables(const EnumWork& work) {
  std::vector<EnumTable> tables;
  for (const EnumColumnWork& column : work.columns) {
    auto found = std::find_if(tables.begin(), tables.end(),
                              [&](const EnumTable& t) { return t.table == column.table; });
    if (found == tables.end()) {
      found = tables.insert(tables.end(), EnumTable{column.table, column.label, {}});
    }
    found->columns.push_back(&column);
  }
  return tables;
}

std::vector<std::string> create_enum(sql::Connection& connection, const EnumWork& work,
                                     const sql::QualifiedName& name,
                                     const std::vector<std::string>& labels) {
  std::vector<std::string> statements{
      fmt::format("CREATE TYPE {} AS ENUM ({})", name.quoted(), literal_list(labels))};
  append(statements, type_decoration(connection, work.type->name, name));
  return statements;
}

std::string sync_trigger(const EnumWork& work) {
  return sql::fit_identifier((work.back ? "zzz_pgbackfill_return_" : "zzz_pgbackfill_sync_") +
                             work.type->name.name);
}

std::vector<std::string> create_sync(const PlanContext& context, const EnumWork& work,
                                     const EnumTable& columns) {
  std::string assignments;
  std::vector<std::string> conditions;
  bool plain = true;
  for (const EnumColumnWork* column : columns.columns) {
    const std::string target = "NEW." + quote_identifier(column->shadow);
    if (remaps_plainly(work, *column)) {
      assignments += fmt::format("  {} := {};\n", target, remap_expression(work, *column, "NEW"));
      conditions.push_back(shadow_differs(work, *column, "NEW"));
    } else {
      assignments += fmt::format("  SELECT {} INTO {} FROM (SELECT NEW.*) AS t;\n",
                                 remap_expression(work, *column, "t"), target);
      plain = false;
    }
  }
  // A trigger's condition may hold no subquery; the function looks at every row then.
  const std::string body =
      "#variable_conflict use_column\nBEGIN\n" + assignments + "  RETURN NEW;\nEND";
  const std::string when =
      plain ? fmt::format("WHEN ({}) ", join(conditions, " OR ")) : std::string();
  const std::string function = sync_function(work, *columns.table);
  return {fmt::format("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY "
                      "DEFINER SET search_path = {} AS {}",
                      function, trigger_search_path(context.spec.schema), quote_literal(body)),
          fmt::format("CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW {}"
                      "EXECUTE FUNCTION {}()",
                      quote_identifier(sync_trigger(work)), columns.table->name.quoted(), when,
                      function)};
}

std::vector<std::string> drop_sync(const EnumWork& work, const sql::Table& table) {
  std::vector<std::string> statements = drop_trigger(table, sync_trigger(work));
  statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", sync_function(work, table)));
  return statements;
}

std::string rename_column(const sql::QualifiedName& table, const std::string& from,
                          const std::string& to) {
  return alter_table(
      table, fmt::format("RENAME COLUMN {} TO {}", quote_identifier(from), quote_identifier(to)));
}

std::string rename_index(const std::string& schema, const std::string& from,
                         const std::string& to) {
  return fmt::format("ALTER INDEX {} RENAME TO {}", sql::QualifiedName{schema, from}.quoted(),
                     quote_identifier(to));
}

std::string rename_type(const sql::QualifiedName& from, const std::string& to) {
  return fmt::format("ALTER TYPE {} RENAME TO {}", from.quoted(), quote_identifier(to));
}

}  // namespace pgbackfill::planner
