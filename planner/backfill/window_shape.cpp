#include "planner/backfill/window_shape.hpp"

#include "planner/backfill/method_cost.hpp"

#include <algorithm>
#include <cmath>

namespace pgbackfill::planner {
namespace {

constexpr int kGroups = 8;
/// Windows that each worker should find in a table, as far as batches stay worth their round trip.
constexpr std::int64_t kWindowsPerWorker = 2;
constexpr double kLeastRows = 200;
/// Below this many blocks a table is done before a second worker is of use; there are others.
constexpr std::int64_t kSharedTableBlocks = 2048;
/// Part of shared_buffers that all workers' windows may take together, so that a page is still
/// there when the next pass comes to it, beside what the indexes need.
constexpr double kShareOfBuffers = 0.25;
/// The server's default.
constexpr std::int64_t kLeastBuffers = 16'384;

/// Rows of a window at most: those that a reader holds, or blocks that stay cached.
double most_rows(const TableBackfill& table, const RunOptions& run) {
  if (table.method == Method::kCopy) return kMaxWindowRows;
  const auto buffers = static_cast<double>(table.buffers > 0 ? table.buffers : kLeastBuffers);
  return kShareOfBuffers * buffers / std::max(1, run.workers) * rows_per_block(table);
}

}  // namespace

WindowShape window_shape(const TableBackfill& table, const RunOptions& run,
                         std::int64_t batch_rows) {
  const double per_block = rows_per_block(table);
  WindowShape shape;
  shape.passes = run.passes > 0 ? run.passes : cheapest_passes(table);
  shape.groups = shape.passes > 1 ? kGroups : 1;
  const auto wanted = static_cast<double>(batch_rows) * shape.passes / per_block;
  const double most = most_rows(table, run) / shape.groups / per_block;
  const double fair =
      static_cast<double>(table.blocks) /
      static_cast<double>(kWindowsPerWorker * std::max(1, run.workers) * shape.groups);
  const double least = kLeastRows * shape.passes / per_block;
  shape.group_blocks = std::max<std::int64_t>(
      1, std::llround(std::min(
             {wanted, most, table.blocks < kSharedTableBlocks ? wanted : std::max(fair, least)})));
  return shape;
}

}  // namespace pgbackfill::planner
