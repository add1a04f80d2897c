#pragma once

#include "planner/operations/convert/convert_work.hpp"
#include "planner/plan/step_builder.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// New columns, and triggers that keep them in step with the old ones.
void plan_convert_expand(PlanContext& context);
/// NOT NULL and the indexes of the new columns.
void plan_convert_enforce(PlanContext& context);
/// Once nothing of the job reads the old columns any more: foreign keys between the new ones, and
/// the swap.
void plan_convert_swap(PlanContext& context);
/// The old columns go.
void plan_convert_finish(PlanContext& context);

/// Where a trigger finds the old form of a value: in the row that it refers to, or among what the
/// job has kept.
enum class OldForm { kOfReferenced, kKept };

/// The trigger that writes the new columns from the old ones, and after the swap the other way.
std::vector<std::string> create_convert_trigger(const PlanContext& context,
                                                const ConvertTable& table);
std::vector<std::string> create_back_trigger(const PlanContext& context, const ConvertGroup& group,
                                             const ConvertTable& table,
                                             OldForm form = OldForm::kOfReferenced);
std::vector<std::string> drop_convert_trigger(const ConvertTable& table);

std::vector<sql::QualifiedName> names_of(const ConvertGroup& group);
/// The group's columns, for people.
std::string columns_of(const ConvertGroup& group);
/// One transaction in which the new columns take the old ones' place, and its inverse.
Step swap_step(PlanContext& context, const ConvertGroup& group);

}  // namespace pgbackfill::planner
