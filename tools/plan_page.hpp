#pragma once

#include "planner/plan/outlook.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "tools/text_layout.hpp"

#include <string>
#include <vector>

namespace pgbackfill::tools {

struct PlanPage {
  const planner::Plan& plan;
  std::vector<planner::Finding> findings;  ///< none of them refuses
  planner::Samples samples;                ///< empty: rules of thumb
  bool steps = false;                      ///< with every step
  std::size_t width = kPageWidth;          ///< columns
};

/// What an operator reads before a run: a line per table, findings, stages, what cannot be taken
/// back. A short plan shows its steps in any case.
std::string plan_page(const PlanPage& page);

/// The plan and its findings as far as they concern these tables (labels, each one of
/// plan_tables()).
PlanPage narrowed(const PlanPage& page, const std::vector<std::string>& tables,
                  planner::Plan& storage);

/// Labels of the tables that the plan has steps for, in their order.
std::vector<std::string> plan_tables(const planner::Plan& plan);

}  // namespace pgbackfill::tools
