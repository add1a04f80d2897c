#pragma once

#include "planner/operations/convert/convert_plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// Notes how values were written that the new type writes otherwise, before they go with their
/// column. Nothing where no column of the group was text.
void keep_spelling(PlanContext& context, const ConvertGroup& group);

/// What the old column is to hold for the row's new value by what keep_spelling() has noted. A
/// reference has what the row has that it refers to.
std::string kept_value(const ConvertGroup& group, const ConvertTable& table,
                       const ConvertColumn& column, std::string_view row);

/// The steps that fill old columns with what keep_spelling() has noted.
std::vector<Step> fill_kept(const ConvertGroup& group, const ConvertTable& table);

/// Questions of Step::losses: which values come back otherwise than they were written.
std::vector<std::string> spelling_losses(const ConvertGroup& group);

/// Statements that add the old column again, without its values.
std::vector<std::string> bring_back(PlanContext& context, const ConvertColumn& column);

/// How the step that stops keeping the old values is taken back, once their columns are there
/// again: they are kept in step with live writers, filled, and get their indexes and NOT NULL, so
/// that the swap can be taken back as if they had stood all the time.
void return_old_values(PlanContext& context, const ConvertGroup& group, Step& let_go);

/// Questions of Step::losses: what stands in the way of the old columns, whether or not they still
/// stand.
std::vector<std::string> in_the_way(PlanContext& context, const ConvertGroup& group);

/// Rows found by one comparison of a fill; what remains is found by the next.
inline constexpr int kMaxFilledAtOnce = 200'000;

}  // namespace pgbackfill::planner
