#pragma once

#include "planner/init/proposal.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// The tables with where their organization could come from, parents before children. A proposed
/// parent is reached by a NOT NULL foreign key of one column, on the shortest way to a table that
/// has no such key itself, so that no circle arises.
std::vector<ProposedTable> with_parents(const std::vector<const sql::Table*>& tables,
                                        const sql::Table& organizations,
                                        const std::string& tenant_column);

}  // namespace pgbackfill::planner
