#pragma once

#include "planner/plan/step_builder.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

// NOT NULL of a column whose place another one takes. From PostgreSQL 18 on it is a constraint,
// with a name, a comment and more, that changes hands with the column's name.

/// The steps of add_not_null_steps() for a column that is to take the place of `column`, or to get
/// it back.
void add_not_null_steps_like(PlanContext& context, NotNullRequest request,
                             const sql::Column& column);

struct NotNullHandover {
  std::vector<std::string> forth;  ///< run once the new column has the column's name
  std::vector<std::string> back;   ///< run once the old column has its name again
};
/// `keeps_old`: the old column stays NOT NULL. REQUIRES: if the column is NOT NULL, so are by then
/// `shadow` and, when it comes back, an old one that was kept, by add_not_null_steps_like().
NotNullHandover hand_over_not_null(const PlanContext& context, const sql::Table& table,
                                   const sql::Column& column, const std::string& shadow,
                                   const std::string& old_name, bool keeps_old);

}  // namespace pgbackfill::planner
