#pragma once

#include "engine/backfill/table_job.hpp"
#include "engine/backfill/window.hpp"
#include "planner/job_spec.hpp"
#include "sql/connection.hpp"

#include <memory>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// How far the windows of a range have been read (not: written).
struct ReadPosition {
  RangeTask task;
  std::vector<std::string> lower;  ///< where the next window begins; empty: open
  bool after_lower = false;
  bool exhausted = false;

  explicit ReadPosition(RangeTask range_task);
};

/// Reads the window at `position` and moves it on. The window's rows are encoded for the stage,
/// with their values resolved; rows without a value are left out. For the update method nothing
/// but bounds is read. Throws sql::Error; `position` is then unchanged, so the call may be
/// repeated on another connection.
std::unique_ptr<Window> read_window(sql::Connection& connection, ReadPosition& position,
                                    const planner::RunOptions& run);

}  // namespace pgbackfill::engine
