#include "planner/backfill/method_cost.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace pgbackfill::planner {
namespace {

// The server's CPU time in microseconds: the update statement by itself, sent by psql over two
// connections to end_to_end_bench's tables of 300 000 rows, 24 a page, with 0, 1, 3 and 8 secondary
// indexes, a bigint (sequential) or uuid (random) key, and 1 to 24 passes, all cached,
// PostgreSQL 15. kTransport is what copy took longer than update in end_to_end_bench.

/// Reading a row, joining its value and writing the new version beside it.
constexpr double kRow = 3;
/// To carry it to the client and back into a stage, and to find it again.
constexpr double kTransport = 4;
/// What an index lookup costs more than the next row of a scan.
constexpr double kByKey = 1.5;
/// The same for a value: an expression of its own for each row.
constexpr double kExpression = 1.5;
/// To scan and prune a page once, and for each of its rows.
constexpr double kVisit = 1;
constexpr double kVisitRow = 0.17;
/// To move a row to another page and enter it in one index, and in each further one.
constexpr double kMove = 4.5;
/// The same where the key's order is not the heap's, so that its entries go all over the index.
constexpr double kScatteredMove = 10;
constexpr double kIndexEntry = 9.5;
/// In the order of a key that does not follow the heap, rows stride over the pages by accident:
/// that part of them moves.
constexpr double kScatteredMoves = 0.2;

/// What one more column adds to a row: a uuid, and the line pointer that the moved version takes.
constexpr double kGrowthBytes = 20;
constexpr double kPageBytes = 8168;
/// Stride classes of a page beyond which batches become too small.
constexpr int kMaxPasses = 48;
/// Rows of a stride class over a whole table, below which passes are nothing but round trips.
constexpr double kLeastPassRows = 1600;
/// Below this many blocks bloat does not matter and passes only add round trips.
constexpr std::int64_t kSmallTableBlocks = 64;

double visit_cost(const TableBackfill& table) { return kVisit + kVisitRow * rows_per_block(table); }

double move_cost(const TableBackfill& table) {
  const bool scattered = !table.key.empty() && !table.clustered;
  return (scattered ? kScatteredMove : kMove) + kIndexEntry * std::max(0, table.indexes - 1);
}

/// By how many rows' room a full page's rows grow.
double grown_rows(const TableBackfill& table) {
  const double per_block = rows_per_block(table);
  const double growth = kGrowthBytes * static_cast<double>(table.assignments.size());
  return per_block * growth / (kPageBytes / per_block);
}

/// Rows' room on a page, once they have grown; below 0 where some must leave.
double room_rows(const TableBackfill& table) {
  return rows_per_block(table) * (100.0 / table.fillfactor - 1) - grown_rows(table);
}

/// Values that the update method computes one by one, and twice: to see whether there is one, and
/// to set it.
int expressions(const TableBackfill& table) {
  int count = 0;
  bool joined = false;
  for (const Assignment& assignment : table.assignments) {
    const bool plain =
        assignment.resolve == ResolveKind::kConstant || assignment.resolve == ResolveKind::kRemap;
    if (plain) continue;
    if (assignment.join && !joined) {
      joined = true;
      continue;
    }
    ++count;
  }
  return count;
}

/// A `sql` value may take any time, and call what it likes: it is computed once.
bool has_unknown_cost(const TableBackfill& table) {
  return std::any_of(table.assignments.begin(), table.assignments.end(), [](const Assignment& a) {
    return a.resolve == ResolveKind::kServer && a.input.empty();
  });
}

}  // namespace

double rows_per_block(const TableBackfill& table) {
  return std::max(
      1.0, table.estimated_rows / static_cast<double>(std::max<std::int64_t>(1, table.blocks)));
}

/// r = sqrt(rows · visit / move) costs least, and as many as find room cost nothing.
int cheapest_passes(const TableBackfill& table) {
  if (table.blocks < kSmallTableBlocks) return 1;
  const double per_block = rows_per_block(table);
  const double least = std::max(1.0, std::sqrt(per_block * visit_cost(table) / move_cost(table)));
  // Whole rows, so that no class holds more rows of a page than the others leave room for.
  const double at_once = std::max(std::round(least), std::floor(room_rows(table)));
  const double most = std::min<double>(kMaxPasses, table.estimated_rows / kLeastPassRows);
  return std::max(1, static_cast<int>(std::lround(std::min(per_block / at_once, most))));
}

double moved_share(const TableBackfill& table, int passes) {
  if (table.order == ReadOrder::kKey) return table.clustered ? 1 : kScatteredMoves;
  const double per_block = rows_per_block(table);
  return std::clamp(per_block / passes - room_rows(table), 0.0, per_block) / per_block;
}

double row_cost(const TableBackfill& table, Method method, int passes) {
  const double per_block = rows_per_block(table);
  double cost =
      kRow + (method == Method::kCopy ? kTransport : 2 * kExpression * expressions(table));
  cost += moved_share(table, passes) * move_cost(table);
  return table.order == ReadOrder::kKey ? cost + kByKey
                                        : cost + visit_cost(table) * passes / per_block;
}

Method cheapest_method(const TableBackfill& table, int passes) {
  if (has_unknown_cost(table)) return Method::kCopy;
  const int chosen = passes > 0 ? passes : cheapest_passes(table);
  return row_cost(table, Method::kUpdate, chosen) <= row_cost(table, Method::kCopy, chosen)
             ? Method::kUpdate
             : Method::kCopy;
}

std::string describe_cost(const TableBackfill& table, int passes) {
  const int chosen = passes > 0 ? passes : cheapest_passes(table);
  const bool by_block = table.order == ReadOrder::kBlock;
  std::string text = !by_block     ? ""
                     : chosen == 1 ? "one pass, "
                                   : fmt::format("{} passes, ", chosen);
  text += fmt::format("{} index{}", table.indexes, table.indexes == 1 ? "" : "es");
  if (has_unknown_cost(table)) return text + "; copy computes its sql value once, update twice";
  const Method other = table.method == Method::kCopy ? Method::kUpdate : Method::kCopy;
  return text + fmt::format("; about {:.1f} µs a row, {} {:.1f}",
                            row_cost(table, table.method, chosen), to_string(other),
                            row_cost(table, other, chosen));
}

}  // namespace pgbackfill::planner
