#include "planner/init/proposal.hpp"

#include "planner/file/nearest_name.hpp"
#include "planner/init/default_organization.hpp"
#include "planner/init/parents.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace pgbackfill::planner {
namespace {

/// Names under which applications keep those that they belong to.
constexpr std::array<std::string_view, 14> kTenantNames{
    "organizations", "organization", "organisations",  "organisation", "orgs",
    "tenants",       "tenant",       "companies",      "company",      "accounts",
    "workspaces",    "workspace",    "customers_orgs", "firms"};

/// Tables that tools keep for themselves, with whose they are.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kToolTables{
    {{"alembic_version", "Alembic's history"},
     {"schema_migrations", "a migration tool's history"},
     {"schema_version", "a migration tool's history"},
     {"flyway_schema_history", "Flyway's history"},
     {"databasechangelog", "Liquibase's history"},
     {"databasechangeloglock", "Liquibase's lock"},
     {"django_migrations", "Django's history"},
     {"django_content_type", "Django's own"},
     {"ar_internal_metadata", "Rails' own"},
     {"_prisma_migrations", "Prisma's history"},
     {"knex_migrations", "Knex's history"},
     {"knex_migrations_lock", "Knex's lock"},
     {"goose_db_version", "goose's history"},
     {"spatial_ref_sys", "PostGIS' own"}}};

bool holds_own_rows(const sql::Table& table) { return table.kind == 'r' || table.kind == 'p'; }

const sql::Column* single_key(const sql::Table& table) {
  const sql::Index* primary = table.primary_key();
  return primary != nullptr && primary->columns.size() == 1 ? table.column(primary->columns.front())
                                                            : nullptr;
}

void find_named_tenant(const InitRequest& request, const sql::Catalog& catalog,
                       Proposal& proposal) {
  const auto open = request.tenant.rfind('(');
  std::string name = request.tenant.substr(0, open);
  proposal.organizations = catalog.table(resolve_name(name, request.schema));
  if (proposal.organizations == nullptr || !holds_own_rows(*proposal.organizations)) {
    std::vector<std::string> names;
    for (const sql::Table& table : catalog.tables) {
      names.push_back(table.name.display(request.schema));
    }
    throw InitError(fmt::format("--tenant: database \"{}\" has no table \"{}\"{}", catalog.database,
                                name, did_you_mean(name, names)));
  }
  if (open == std::string::npos) {
    proposal.key = single_key(*proposal.organizations);
    if (proposal.key == nullptr) {
      throw InitError(
          fmt::format("--tenant: \"{}\" has no primary key of one column; name the "
                      "column that identifies a row, {}(column)",
                      name, name));
    }
    return;
  }
  if (request.tenant.back() != ')') {
    throw InitError("--tenant must be written table or table(column)");
  }
  const std::string column = request.tenant.substr(open + 1, request.tenant.size() - open - 2);
  proposal.key = proposal.organizations->column(column);
  if (proposal.key == nullptr) {
    throw InitError(fmt::format("--tenant: table \"{}\" has no column \"{}\"", name, column));
  }
}

void guess_tenant(const InitRequest& request, const sql::Catalog& catalog, Proposal& proposal) {
  std::vector<std::string> found;
  for (const sql::Table& table : catalog.tables) {
    const bool named =
        std::find(kTenantNames.begin(), kTenantNames.end(), table.name.name) != kTenantNames.end();
    if (table.name.schema != request.schema || !holds_own_rows(table) || !named) continue;
    found.push_back(table.name.display(request.schema));
    proposal.organizations = &table;
    proposal.key = single_key(table);
  }
  if (found.size() > 1) {
    throw InitError(
        fmt::format("several tables could be the organizations: {}; say which with "
                    "--tenant table(column)",
                    fmt::join(found, ", ")));
  }
  if (found.empty() || proposal.key == nullptr) {
    throw InitError(
        fmt::format("no table of schema \"{}\" looks like the organizations: name it with --tenant "
                    "table(column), or create it, say by CREATE TABLE {} (org_id uuid PRIMARY KEY, "
                    "name text NOT NULL), and init again",
                    request.schema, sql::QualifiedName{request.schema, "organizations"}.display()));
  }
}

/// Why a table does not get the column; empty when it does.
std::string reason_to_leave_out(const Proposal& proposal, const sql::Table& table) {
  if (&table == proposal.organizations) return "the organizations themselves";
  for (const auto& [name, whose] : kToolTables) {
    if (table.name.name == name) return std::string(whose);
  }
  if (table.kind == 'f') return "a foreign table, whose rows are elsewhere";
  if (table.persistence == 't') return "a temporary table";
  if (table.inheritance_parent || table.inheritance_child) {
    return "part of plain table inheritance, which is not supported";
  }
  const sql::Column* column = table.column(proposal.column);
  if (column == nullptr) return {};
  if (column->not_null) return fmt::format("has {} already, NOT NULL", proposal.column);
  if (column->type != proposal.key->type) {
    return fmt::format("? has {} already, as {} where the organizations have {}", proposal.column,
                       column->type, proposal.key->type);
  }
  return {};
}

void choose_tables(const sql::Catalog& catalog, Proposal& proposal) {
  std::vector<const sql::Table*> tables;
  for (const sql::Table& table : catalog.tables) {
    const bool holds = holds_own_rows(table) || table.kind == 'f';
    if (table.name.schema != proposal.schema || table.is_partition || !holds) continue;
    const std::string reason = reason_to_leave_out(proposal, table);
    if (reason.empty()) {
      tables.push_back(&table);
    } else {
      proposal.left_out.emplace_back(table.name.display(proposal.schema), reason);
    }
  }
  proposal.tables = with_parents(tables, *proposal.organizations, proposal.column);
}

/// Tokens are told apart from numbers and names by what they are called.
bool looks_global(const std::string& name) {
  constexpr std::array<std::string_view, 9> kWords{"token", "uuid", "guid",  "secret", "hash",
                                                   "email", "key",  "nonce", "url"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

/// A foreign key of another table rests on these columns.
bool is_referenced(const sql::Catalog& catalog, const sql::Table& table,
                   const std::vector<std::string>& columns) {
  const std::set<std::string> wanted(columns.begin(), columns.end());
  for (const sql::Table& other : catalog.tables) {
    for (const sql::ForeignKey& key : other.foreign_keys) {
      if (key.referenced == table.name &&
          std::set(key.referenced_columns.begin(), key.referenced_columns.end()) == wanted) {
        return true;
      }
    }
  }
  return false;
}

/// Uniqueness by foreign keys alone (a user has one profile) is the same in every organization.
bool only_references(const sql::Table& table, const std::vector<std::string>& columns) {
  return std::all_of(columns.begin(), columns.end(), [&](const std::string& column) {
    return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(), [&](const auto& key) {
      return std::find(key.columns.begin(), key.columns.end(), column) != key.columns.end();
    });
  });
}

void choose_uniques(const sql::Catalog& catalog, Proposal& proposal) {
  for (const ProposedTable& proposed : proposal.tables) {
    const sql::Table& table = *proposed.table;
    for (const sql::Index& index : table.indexes) {
      const bool plain =
          index.unique && !index.primary && index.valid && !index.partial && !index.has_expressions;
      const bool holds_tenant = std::find(index.columns.begin(), index.columns.end(),
                                          proposal.column) != index.columns.end();
      if (!plain || holds_tenant || table.kind == 'p' ||
          is_referenced(catalog, table, index.columns) || only_references(table, index.columns)) {
        continue;
      }
      const bool global = std::any_of(index.columns.begin(), index.columns.end(), looks_global);
      proposal.uniques.push_back({&table, index.columns, !global});
    }
  }
}

void choose_enums(const sql::Catalog& catalog, Proposal& proposal) {
  for (const sql::EnumType& type : catalog.enums) {
    const bool used =
        std::any_of(type.columns.begin(), type.columns.end(), [&](const sql::EnumColumn& column) {
          return std::any_of(
              proposal.tables.begin(), proposal.tables.end(),
              [&](const ProposedTable& table) { return table.table->name == column.table; });
        });
    if (used) proposal.enums.push_back(&type);
  }
}

}  // namespace

Proposal propose(const InitRequest& request, const sql::Catalog& catalog,
                 sql::Connection& connection) {
  Proposal proposal;
  proposal.schema = request.schema;
  proposal.column = request.column;
  if (request.tenant.empty()) {
    guess_tenant(request, catalog, proposal);
  } else {
    find_named_tenant(request, catalog, proposal);
  }
  choose_default_organization(catalog, connection, proposal);
  choose_tables(catalog, proposal);
  if (proposal.tables.empty()) {
    throw InitError(
        fmt::format("every table of schema \"{}\" has {} already, or is not the "
                    "application's: there is nothing to migrate",
                    request.schema, request.column));
  }
  choose_uniques(catalog, proposal);
  choose_enums(catalog, proposal);
  return proposal;
}

}  // namespace pgbackfill::planner
