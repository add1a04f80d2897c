#pragma once

#include "planner/plan/step_builder.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

// What keeps values right that are computed from columns which the application may change
// meanwhile: a trigger on the row's own inputs (of a large table, from the end of its backfill on;
// what changes before is noted and made good then), and a comparison with the source before the
// application has to send the value itself.

/// The columns of the row that its value is computed from; empty for a constant.
std::vector<std::string> value_inputs(PlanContext& context, const ValueWork& work);

/// The trigger that computes the value anew when an input changes, and its function; empty when
/// there is no input. It runs after the application's own triggers (in the order of their names),
/// and sees what they changed. It does not fire for the backfill, which sets no input.
std::vector<std::string> create_follow_trigger(const PlanContext& context, const ValueWork& work,
                                               const std::vector<std::string>& inputs);
std::vector<std::string> drop_follow_trigger(const ValueWork& work);

/// The fill trigger of expand, on updates too: from the NOT NULL check on, a row that was set aside
/// must get its value in the statement that mends it.
void add_fill_on_update(PlanContext& context, const ValueWork& work);

/// First step of enforce for a derived value: compares every row with its source and mends what
/// differs. It waits until the triggers of the tables it reads from are gone, so that what it
/// reads stands. One for each physical table.
void add_reconcile_steps(PlanContext& context, const ValueWork& work,
                         const std::vector<std::string>& after);

}  // namespace pgbackfill::planner
