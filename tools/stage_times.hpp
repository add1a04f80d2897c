#pragma once

#include "engine/ledger/ledger.hpp"
#include "planner/plan/plan.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

/// One stage of a job, summed over its steps.
struct StageSummary {
  planner::Stage stage = planner::Stage::kEnsure;
  int steps = 0;
  int done = 0;
  int running = 0;
  int failed = 0;
  /// Seconds during which at least one of its steps was under way; steps that ran side by side
  /// count once.
  double seconds = 0;
  /// done | failed | begun | pending.
  std::string_view state() const;
};

/// All stages that have steps, in order. Steps of an unknown stage are left out.
std::vector<StageSummary> summarise_stages(const std::vector<engine::StepRecord>& steps);

/// Seconds since 1970 of a timestamp as the server prints it in ISO style
/// ("2026-01-02 03:04:05.678+01"); nullopt when it is not one.
std::optional<double> parse_timestamp(std::string_view text);

}  // namespace pgbackfill::tools
