#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"

#include <cstdint>

namespace pgbackfill::planner {

/// How a worker goes over a stretch of heap blocks. A window is `groups` groups of
/// `group_blocks` blocks; each of its `passes` takes, group after group, the rows whose line
/// pointer falls into the pass's class. One (pass, group) is one batch.
///
/// A full page has no room for new row versions. When a pass touches only each k-th row, the
/// page is pruned before the next pass, whose new versions then fit in place (HOT, no index is
/// touched). The gap between two passes over a group must outlive the transactions of the other
/// workers, for their snapshots hold pruning back: that is what the other groups are for.
struct WindowShape {
  int passes = 1;
  int groups = 1;
  std::int64_t group_blocks = 1;
  std::int64_t blocks() const noexcept { return groups * group_blocks; }
};

/// Rows that a reader holds in memory for one window at most.
inline constexpr std::int64_t kMaxWindowRows = 50'000;
/// Rows of a batch before anything was measured.
inline constexpr std::int64_t kFirstBatchRows = 500;
inline constexpr std::int64_t kMinBatchRows = 50;
inline constexpr std::int64_t kMaxBatchRows = 10'000;

/// For batches of about `batch_rows` rows. The number of passes is `run.passes` where that is set,
/// else cheapest_passes(). Windows of smaller tables are smaller, so that every worker gets some.
WindowShape window_shape(const TableBackfill& table, const RunOptions& run,
                         std::int64_t batch_rows);

}  // namespace pgbackfill::planner
