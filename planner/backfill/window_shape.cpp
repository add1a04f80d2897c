#include "planner/backfill/window_shape.hpp"

#include <algorithm>
#include <cmath>

namespace pgbackfill::planner {
namespace {

constexpr int kGroups = 8;
/// Stride classes of a page beyond which batches become too small.
constexpr int kMaxPasses = 48;
/// What it costs to move a row to another page, and for each index to enter it anew, counted in
/// visits of a page (scan and prune it). From end_to_end_bench with 0, 3 and 8 secondary indexes
/// and 4 to 24 passes over 24 rows a page, PostgreSQL 15.
constexpr double kMove = 2;
constexpr double kIndexEntry = 2.2;
/// What one more column adds to a row: a uuid, and the line pointer that the moved version takes.
constexpr double kGrowthBytes = 20;
constexpr double kPageBytes = 8168;
/// Windows that each worker should find in a table, as far as batches stay worth their round trip.
constexpr std::int64_t kWindowsPerWorker = 2;
constexpr double kLeastRows = 200;
/// Below this many blocks a table is done before a second worker is of use; there are others.
constexpr std::int64_t kSharedTableBlocks = 2048;
/// Below this many blocks bloat does not matter and passes only add round trips.
constexpr std::int64_t kSmallTableBlocks = 64;

/// A pass that touches r rows of a page moves about r - room of them away, once, and there are
/// rows / r passes: r = sqrt(rows / move cost) costs least, and as many as find room cost nothing.
int choose_passes(const TableBackfill& table, double per_block) {
  if (table.blocks < kSmallTableBlocks) return 1;
  const double move = kMove + kIndexEntry * table.indexes;
  const double least = std::max(1.0, std::sqrt(per_block / move));
  const double grown = per_block * kGrowthBytes * static_cast<double>(table.assignments.size()) /
                       (kPageBytes / per_block);
  const double room = per_block * (100.0 / table.fillfactor - 1) - grown;
  // Whole rows, so that no class holds more rows of a page than the others leave room for.
  const double at_once = std::max(std::round(least), std::floor(room));
  const double most = std::min<double>(kMaxPasses, table.estimated_rows / (kGroups * kLeastRows));
  return std::max(1, static_cast<int>(std::lround(std::min(per_block / at_once, most))));
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
