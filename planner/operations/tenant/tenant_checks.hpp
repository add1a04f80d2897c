#pragma once

#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/preflight/preflight_context.hpp"

namespace pgbackfill::planner {

/// Tables, columns, types and keys that the file names and the database does not have.
void check_tenant_catalog(CatalogCheck& check);
void need_tenant_tables(const PreflightContext& context, Needs& needs);
/// A tenant column that is there already, and what its values are computed from.
void check_tenant_columns(PreflightContext& context);
/// Names the job wants to give: indexes, foreign keys, and its own helpers.
void check_tenant_names(PreflightContext& context);
/// What only the rows can tell.
void check_tenant_data(PreflightContext& context);

}  // namespace pgbackfill::planner
