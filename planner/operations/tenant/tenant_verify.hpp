#pragma once

#include "planner/scope.hpp"
#include "planner/verify/verify_context.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A table of the migration file that the database has.
struct VerifiedTable {
  const TableSpec* spec = nullptr;
  const sql::Table* table = nullptr;
  std::string label;  ///< how messages name it
  bool has_tenant_column = false;
};

struct TenantVerify {
  VerifyContext& base;
  std::vector<VerifiedTable> tables;
  sql::QualifiedName references;  ///< the organizations; empty without [tenant]
  std::string tenant_type;        ///< as format_type() writes it
};

/// Table, column, type, default, NOT NULL, foreign key and indexes, from the catalog.
void check_tables(TenantVerify& context);
/// Tables of the job's schema that the file does not name.
void note_unnamed_tables(TenantVerify& context);
/// NULLs, rows per organization, organizations that do not exist.
void check_rows(TenantVerify& context);
/// The tenant column of child and parent along foreign keys between core tables.
void check_foreign_key_agreement(TenantVerify& context);

/// All of these.
void verify_tenant(VerifyContext& context);

}  // namespace pgbackfill::planner
