#include "planner/window_shape.hpp"

#include <algorithm>
#include <cmath>

namespace pgbackfill::planner {
namespace {

constexpr int kGroups = 8;
constexpr int kMaxPasses = 16;
/// Below this many blocks bloat does not matter and passes only add round trips.
constexpr std::int64_t kSmallTableBlocks = 64;

int choose_passes(const TableBackfill& table, double per_block) {
  if (table.blocks < kSmallTableBlocks) return 1;
  return std::clamp(static_cast<int>(std::lround(per_block / 2)), 1, kMaxPasses);
}

}  // namespace

double rows_per_block(const TableBackfill& table) {
  return std::max(
      1.0, table.estimated_rows / static_cast<double>(std::max<std::int64_t>(1, table.blocks)));
}

WindowShape window_shape(const TableBackfill& table, const RunOptions& run,
                         std::int64_t batch_rows) {
  const double per_block = rows_per_block(table);
  WindowShape shape;
  shape.passes = run.passes > 0 ? run.passes : choose_passes(table, per_block);
  shape.groups = shape.passes > 1 ? kGroups : 1;
  const auto wanted = static_cast<double>(batch_rows) * shape.passes / per_block;
  const auto most = static_cast<double>(kMaxWindowRows) / shape.groups / per_block;
  shape.group_blocks = std::max<std::int64_t>(1, std::llround(std::min(wanted, most)));
  return shape;
}

}  // namespace pgbackfill::planner
