#pragma once

#include "engine/verify/verifier.hpp"
#include "planner/job_spec.hpp"
#include "sql/catalog.hpp"
#include "sql/connection.hpp"
#include "sql/identifier.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

/// A table of the migration file that the database has.
struct VerifiedTable {
  const planner::TableSpec* spec = nullptr;
  const sql::Table* table = nullptr;
  std::string label;  ///< how messages name it
  bool has_tenant_column = false;
};

/// What the parts of a verification share. Members outlive it.
struct VerifyContext {
  const planner::JobSpec& spec;
  const sql::Catalog& catalog;
  sql::Connection& connection;
  VerifyReport& report;
  std::vector<VerifiedTable> tables;
  sql::QualifiedName references;  ///< the organizations; empty without [tenant]
  std::string tenant_type;        ///< as format_type() writes it

  /// Adds a check; `message` is kept only where it failed.
  void expect(std::string object, std::string_view name, bool passed, std::string message);
};

/// The type as format_type() writes it ("varchar(36)" is "character varying(36)").
std::string canonical_type(sql::Connection& connection, const std::string& type);

/// Table, column, type, default, NOT NULL, foreign key and indexes, from the catalog.
void check_tables(VerifyContext& context);
/// Labels of each [[enum]].
void check_enums(VerifyContext& context);
/// Nothing of ours may be left in the application's schemas.
void check_leftovers(VerifyContext& context);

/// NULLs, rows per organization, organizations that do not exist.
void check_rows(VerifyContext& context);
/// The tenant column of child and parent along foreign keys between core tables.
void check_foreign_key_agreement(VerifyContext& context);
/// The rows that [[ensure]] asks for.
void check_ensured_rows(VerifyContext& context);

}  // namespace pgbackfill::engine
