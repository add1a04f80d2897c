#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"

#include <string>

namespace pgbackfill::tools {

/// At the end of a job: what the application must do from now on, since the database no longer
/// makes up for it. Empty where the job leaves nothing of the kind.
std::string handover_text(const planner::Plan& plan, const planner::JobSpec& spec);

}  // namespace pgbackfill::tools
