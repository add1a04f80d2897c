#pragma once

#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/needs.hpp"
#include "planner/preflight/preflight_context.hpp"

namespace pgbackfill::planner {

/// Tables, columns, types and keys that the file names and the database does not have.
void check_tenant_catalog(CatalogCheck& check);
void need_tenant_tables(const PreflightContext& context, Needs& needs);
/// Names the job wants to give: indexes, foreign keys, and its own helpers.
void check_tenant_names(PreflightContext& context);
/// Organizations that values name and that do not exist.
void check_organizations(PreflightContext& context);

}  // namespace pgbackfill::planner
