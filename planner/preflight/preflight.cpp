#include "planner/preflight/preflight.hpp"

#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <cctype>
#include <set>

namespace pgbackfill::planner {
namespace {

/// Beyond this the cost of a trigger on every row is worth a word.
constexpr std::int64_t kManyBlocks = 1000;

std::string role_of(const PreflightContext& context) { return context.catalog.current_user; }

void check_session(PreflightContext& context) {
  const sql::Catalog& catalog = context.catalog;
  const std::string database = "database " + catalog.database;
  if (catalog.in_recovery) {
    context.refuse(database, "the server is a standby and takes no writes",
                   "connect to the primary");
  }
  if (catalog.pooled) {
    context.refuse(database, "a transaction pooler stands between pgbackfill and the server",
                   "connect to the server directly, or through a session pool");
  }
  const sql::Result ledger = context.connection.execute(
      "SELECT to_regnamespace('pgbackfill') IS NOT NULL, "
      "coalesce(has_schema_privilege(to_regnamespace('pgbackfill')::oid, 'CREATE, USAGE'), false)");
  if (!ledger.boolean(0, 0) && !catalog.may_create_schema) {
    context.refuse(
        database,
        fmt::format("role {} may not create the schema pgbackfill, where the job keeps "
                    "its state",
                    role_of(context)),
        fmt::format("GRANT CREATE ON DATABASE {} TO {}", sql::quote_identifier(catalog.database),
                    sql::quote_identifier(role_of(context))));
  } else if (ledger.boolean(0, 0) && !ledger.boolean(0, 1)) {
    context.refuse("schema pgbackfill",
                   fmt::format("it exists, and role {} may not create in it", role_of(context)),
                   "run as the role that owns it, or grant USAGE and CREATE on it");
  }
  if (!catalog.may_create_temp) {
    context.refuse(
        database,
        fmt::format("role {} may not create temporary tables, through which batches go",
                    role_of(context)),
        fmt::format("GRANT TEMPORARY ON DATABASE {} TO {}", sql::quote_identifier(catalog.database),
                    sql::quote_identifier(role_of(context))));
  }
}

void check_converts(PreflightContext& context) {
  for (const ConvertSpec& convert : context.spec.converts) {
    context.refuse(fmt::format("{}", fmt::join(convert.columns, ", ")),
                   "[[convert]] is read but not carried out by this version",
                   fmt::format("convert the columns to {} first, and take the section out of the "
                               "migration file",
                               convert.type));
  }
}

/// True when the table is of a kind whose rows can be changed here.
bool check_kind(PreflightContext& context, const sql::Table& table, const std::string& label) {
  if (table.kind != 'r' && table.kind != 'p') {
    context.refuse(label, fmt::format("it is {}, not a table", kind_of(table.kind)),
                   "name the table that holds its rows");
    return false;
  }
  if (table.persistence == 't') {
    context.refuse(label, "it is a temporary table", "leave it out");
    return false;
  }
  if (table.inheritance_parent || table.inheritance_child) {
    context.refuse(label,
                   fmt::format("it is {} of plain table inheritance, which is not supported",
                               table.inheritance_parent ? "a parent" : "a child"),
                   "turn it into declarative partitions, or leave it out");
  }
  return true;
}

void check_ownership(PreflightContext& context, const sql::Table& table, const std::string& label) {
  if (!table.owned) {
    context.refuse(
        label,
        fmt::format("it belongs to role {}, and {} is not a member of that role", table.owner,
                    role_of(context)),
        fmt::format("run as {}, or GRANT {} TO {}", table.owner, sql::quote_identifier(table.owner),
                    sql::quote_identifier(role_of(context))));
  }
  if (table.row_security_active) {
    context.refuse(
        label,
        fmt::format("row security hides rows of it from role {}, so some would silently "
                    "stay as they are",
                    role_of(context)),
        "run as a role with BYPASSRLS, or as the owner without FORCE ROW LEVEL SECURITY");
  }
}

void check_triggers(PreflightContext& context, const sql::Table& table, const std::string& label) {
  if (table.triggers.empty() || table.blocks < kManyBlocks) return;
  context.warn(label,
               fmt::format("its triggers run for every row that the backfill writes: {}",
                           fmt::join(table.triggers, ", ")),
               "see that they are cheap and do nothing that a change of value should not");
}

/// Tables of the job, roots of partitioned ones, each with whether its rows are rewritten.
std::vector<std::pair<const sql::Table*, bool>> tables_of(const PreflightContext& context) {
  std::vector<std::pair<const sql::Table*, bool>> tables;
  const auto add = [&](const sql::Table* table, bool rewritten) {
    for (auto& [known, writes] : tables) {
      if (known != table) continue;
      writes = writes || rewritten;
      return;
    }
    tables.emplace_back(table, rewritten);
  };
  for (const TableWork& work : context.scope.tables) {
    add(work.table, work.needs_value && !work.by_catalog);
  }
  for (const EnumWork& work : context.scope.enums) {
    if (work.path != EnumPath::kShadow) continue;
    for (const EnumColumnWork& column : work.columns) add(column.table, true);
  }
  return tables;
}

void check_partitions(PreflightContext& context, const sql::Table& table,
                      const std::string& label) {
  if (table.is_partition) {
    context.refuse(label, "it is a partition; columns come to it from its partitioned table",
                   "name the partitioned table instead");
  }
  for (const sql::QualifiedName& name : table.leaves) {
    const sql::Table* leaf = context.catalog.table(name);
    if (leaf == nullptr) continue;
    const std::string leaf_label = name.display(context.spec.schema);
    if (!check_kind(context, *leaf, leaf_label)) continue;
    check_ownership(context, *leaf, leaf_label);
  }
}

void check_schema_privileges(PreflightContext& context, const std::set<std::string>& schemas) {
  for (const std::string& schema : schemas) {
    const sql::Result allowed = context.connection.execute(
        "SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE') "
        "FROM pg_namespace WHERE nspname = $1",
        {schema});
    if (allowed.rows() == 0 || allowed.boolean(0, 0)) continue;
    context.refuse(
        "schema " + schema,
        fmt::format("role {} may not create in it, which building an index needs even "
                    "for the table's owner",
                    role_of(context)),
        fmt::format("GRANT USAGE, CREATE ON SCHEMA {} TO {}", sql::quote_identifier(schema),
                    sql::quote_identifier(role_of(context))));
  }
}

void check_publications(PreflightContext& context, const sql::Table& table,
                        const std::string& label) {
  const sql::Result publications = context.connection.execute(
      "SELECT coalesce(string_agg(DISTINCT pubname::text, ', '), '') FROM pg_publication_tables "
      "WHERE (schemaname, tablename) IN (SELECT n.nspname, c.relname "
      "FROM pg_partition_tree($1::regclass) AS p JOIN pg_class AS c ON c.oid = p.relid "
      "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
      "UNION ALL SELECT $2::name, $3::name)",
      {table.name.quoted(), table.name.schema, table.name.name});
  if (publications.text(0, 0).empty()) return;
  context.warn(label,
               fmt::format("it is published for logical replication ({}); subscribers stop at the "
                           "new column, and values set through its default never reach them",
                           publications.text(0, 0)),
               "add the column on the subscribers first, and fill it there");
}

void check_tables(PreflightContext& context) {
  std::set<std::string> schemas;
  for (const auto& [table, rewritten] : tables_of(context)) {
    const std::string label = table->name.display(context.spec.schema);
    schemas.insert(table->name.schema);
    if (!check_kind(context, *table, label)) continue;
    check_ownership(context, *table, label);
    check_partitions(context, *table, label);
    check_publications(context, *table, label);
    if (rewritten) check_triggers(context, *table, label);
  }
  for (const EnumWork& work : context.scope.enums) {
    if (work.path == EnumPath::kShadow) schemas.insert(work.type->name.schema);
  }
  check_schema_privileges(context, schemas);
}

/// The server computes generated columns after the triggers that must compute the value.
void check_input(PreflightContext& context, const TableWork& work) {
  if (!work.needs_value || work.source == nullptr || work.source->key.empty()) return;
  const sql::Column* input = work.table->column(work.source->key);
  if (input == nullptr || !input->generated) return;
  context.refuse(work.label + "." + input->name,
                 "its value is generated, and not known yet when a trigger gives a new row its "
                 "organization",
                 "name a column that it is computed from, or use sql with its expression");
}

void check_tenant_columns(PreflightContext& context) {
  for (const TableWork& work : context.scope.tables) {
    check_input(context, work);
    if (work.column == nullptr || !work.needs_value) continue;
    const std::string object = work.label + "." + work.column->name;
    if (work.column->generated || work.column->identity) {
      context.refuse(object,
                     fmt::format("the column exists and is {}, so it cannot be given values",
                                 work.column->generated ? "generated" : "an identity column"),
                     "drop it or rename it, or leave the table out");
    }
    for (const sql::Index& index : work.table->indexes) {
      if (!index_uses(index, work.column->name)) continue;
      context.warn(object,
                   fmt::format("index {} holds it, so every row that is filled is written to all "
                               "indexes of the table",
                               index.name),
                   "drop the index before the run; the job builds the indexes at its end");
    }
  }
}

/// Foreign keys need REFERENCES; without SELECT on top the server checks them row by row.
void check_references(PreflightContext& context) {
  if (!context.spec.tenant || context.scope.tables.empty()) return;
  const sql::Table* table = context.catalog.table(context.scope.references);
  if (table == nullptr) return;
  const std::string label = table->name.display(context.spec.schema);
  const sql::Result allowed = context.connection.execute(
      "SELECT has_table_privilege($1::regclass, 'REFERENCES') OR "
      "has_column_privilege($1::regclass, $2, 'REFERENCES'), "
      "has_table_privilege($1::regclass, 'SELECT') OR "
      "has_column_privilege($1::regclass, $2, 'SELECT')",
      {table->name.quoted(), context.spec.tenant->references_column});
  for (const auto& [granted, privilege] : {std::pair{allowed.boolean(0, 0), "REFERENCES"},
                                           std::pair{allowed.boolean(0, 1), "SELECT"}}) {
    if (granted) continue;
    context.refuse(label,
                   fmt::format("role {} lacks {} on it, which the foreign keys need",
                               role_of(context), privilege),
                   fmt::format("GRANT {} ON {} TO {}", privilege, table->name.quoted(),
                               sql::quote_identifier(role_of(context))));
  }
  if (table->row_security_active) {
    context.refuse(label,
                   fmt::format("row security hides rows of it from role {}, so foreign keys to it "
                               "would fail",
                               role_of(context)),
                   "run as a role with BYPASSRLS");
  }
}

}  // namespace

std::string Finding::to_string() const {
  std::string text = fmt::format("{}: {}.", object, message);
  if (advice.empty()) return text;
  text += " " + advice + ".";
  char& first = text[text.size() - advice.size() - 1];
  first = static_cast<char>(std::toupper(static_cast<unsigned char>(first)));
  return text;
}

std::vector<Finding> check_server(int server_version) {
  if (server_version >= kMinServerVersion) return {};
  return {{true, "server",
           fmt::format("it is PostgreSQL {}, and the oldest supported version is {}",
                       server_version / 10000, kMinServerVersion / 10000),
           "upgrade the server first"}};
}

std::vector<Finding> preflight(const JobSpec& spec, const sql::Catalog& catalog,
                               sql::Connection& connection) {
  PreflightContext context{spec, catalog, connection, resolve_scope(spec, catalog), "", {}};
  context.findings = check_server(catalog.server_version);
  if (!context.findings.empty()) return context.findings;
  if (spec.tenant) context.tenant_type = normalise_type(spec.tenant->type);
  check_session(context);
  check_throttle(context);
  check_converts(context);
  check_tables(context);
  check_tenant_columns(context);
  check_references(context);
  check_names(context);
  check_enums(context);
  check_data(context);
  return context.findings;
}

}  // namespace pgbackfill::planner
