#include "planner/preflight/preflight.hpp"

#include "planner/operations/operation.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/preflight/parameters.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/sql_type.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <cctype>
#include <map>
#include <utility>

namespace pgbackfill::planner {
namespace {

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
  for (Finding& finding :
       check_wal_compression(context.spec.run.wal_compression, context.connection)) {
    context.findings.push_back(std::move(finding));
  }
}

/// A table of Citus has its rows in shards, which take no triggers for live writers (but by hand,
/// on each worker) and no reading by block.
void refuse_citus(PreflightContext& context, const sql::Table& table, const std::string& label) {
  const char* kind = table.citus == 'd'   ? "distributed by Citus"
                     : table.citus == 'r' ? "a reference table of Citus"
                                          : "a local table that Citus manages";
  context.refuse(label, fmt::format("it is {}, which is not supported", kind),
                 fmt::format("make it a plain table for the job, SELECT undistribute_table({}, "
                             "cascade_via_foreign_keys => true), and distribute it after finish",
                             sql::quote_literal(table.name.quoted())));
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
  if (table.citus != ' ') refuse_citus(context, table, label);
  if (table.inheritance_parent || table.inheritance_child) {
    context.refuse(label,
                   fmt::format("it is {} of plain table inheritance, which is not supported",
                               table.inheritance_parent ? "a parent" : "a child"),
                   "turn it into declarative partitions, or leave it out");
  }
  return true;
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
    check_kind(context, *leaf, leaf_label);
  }
}

struct Published {
  std::string publications;
  std::string anonymous_in;  ///< one that publishes updates of a table without replica identity
  std::string anonymous;     ///< that table
};

/// By quoted name, those of the tables that are published; one question for all.
std::map<std::string, Published> published_tables(PreflightContext& context, const Needs& needs) {
  std::vector<std::string> names;
  for (const auto& [table, rewritten] : needs.altered) {
    if (holds_rows(*table)) names.push_back(table->name.quoted());
  }
  const sql::Result rows =
      context.connection.execute(sql::statement("publications"), {sql::text_array_literal(names)});
  std::map<std::string, Published> published;
  for (int row = 0; row < rows.rows(); ++row) {
    published.emplace(rows.text(row, 0),
                      Published{std::string(rows.text(row, 1)), std::string(rows.text(row, 2)),
                                std::string(rows.text(row, 3))});
  }
  return published;
}

void check_publications(PreflightContext& context, const Published& published, bool rewritten,
                        const std::string& label) {
  if (rewritten && !published.anonymous_in.empty()) {
    context.refuse(label,
                   fmt::format("publication {} publishes its updates, and {} has no replica "
                               "identity, so the server refuses every UPDATE of it",
                               published.anonymous_in, published.anonymous),
                   fmt::format("give it a primary key, or ALTER TABLE {} REPLICA IDENTITY FULL",
                               published.anonymous));
  }
  context.warn(label,
               fmt::format("it is published for logical replication ({}); subscribers stop at the "
                           "new column, and values set through its default never reach them",
                           published.publications),
               "add the column on the subscribers first, and fill it there");
}

void check_tables(PreflightContext& context, const Needs& needs) {
  const std::map<std::string, Published> published = published_tables(context, needs);
  for (const auto& [table, rewritten] : needs.altered) {
    const std::string label = table->name.display(context.spec.schema);
    if (!check_kind(context, *table, label)) continue;
    check_partitions(context, *table, label);
    const auto found = published.find(table->name.quoted());
    if (found != published.end()) check_publications(context, found->second, rewritten, label);
  }
}

}  // namespace

std::string Finding::to_string() const {
  std::string text = fmt::format("{}: {}.", object, message);
  if (!advice.empty()) {
    text += " " + advice + ".";
    char& first = text[text.size() - advice.size() - 1];
    first = static_cast<char>(std::toupper(static_cast<unsigned char>(first)));
  }
  for (const std::string& statement : statements) text += "\n  " + statement;
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
  Needs needs;
  for (const Operation* operation : operations()) operation->need(context, needs);
  check_session(context);
  if (!check_privileges(context, needs)) return context.findings;
  check_throttle(context);
  check_tables(context, needs);
  check_user_triggers(context, needs);
  for (const Operation* operation : operations()) operation->preflight(context);
  return context.findings;
}

}  // namespace pgbackfill::planner
