#pragma once

#include "planner/init/proposal.hpp"

namespace pgbackfill::planner {

/// The organization that everything existing goes to: the only one there is, else one to be made,
/// with a value for each column that needs one.
void choose_default_organization(const sql::Catalog& catalog, sql::Connection& connection,
                                 Proposal& proposal);

}  // namespace pgbackfill::planner
