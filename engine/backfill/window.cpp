#include "engine/backfill/window.hpp"

#include <algorithm>
#include <cstdlib>

namespace pgbackfill::engine {
namespace {

using planner::Method;
using planner::ReadOrder;

void append_split(const Batch& batch, std::int64_t max_rows, std::vector<Batch>& batches) {
  const std::size_t pieces = (batch.rows.size() + static_cast<std::size_t>(max_rows) - 1) /
                             static_cast<std::size_t>(max_rows);
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    const auto begin =
        batch.rows.begin() + static_cast<std::ptrdiff_t>(batch.rows.size() * piece / pieces);
    const auto end =
        batch.rows.begin() + static_cast<std::ptrdiff_t>(batch.rows.size() * (piece + 1) / pieces);
    Batch part{batch.pass, batch.lower_block, batch.upper_block, {begin, end}};
    batches.push_back(std::move(part));
  }
}

std::vector<Batch> block_batches(const Window& window, std::int64_t max_rows) {
  const std::int64_t lower = std::strtoll(window.bounds.lower.at(0).c_str(), nullptr, 10);
  const std::int64_t upper = std::strtoll(window.bounds.upper.at(0).c_str(), nullptr, 10);
  const auto passes = static_cast<std::size_t>(window.shape.passes);
  const std::int64_t group_blocks = window.shape.group_blocks;
  const auto groups = static_cast<std::size_t>(
      std::max<std::int64_t>(1, (upper - lower + group_blocks - 1) / group_blocks));

  std::vector<Batch> grid(passes * groups);
  for (std::size_t pass = 0; pass < passes; ++pass) {
    for (std::size_t group = 0; group < groups; ++group) {
      Batch& batch = grid[pass * groups + group];
      batch.pass = static_cast<int>(pass);
      batch.lower_block = lower + static_cast<std::int64_t>(group) * group_blocks;
      batch.upper_block = std::min(upper, batch.lower_block + group_blocks);
    }
  }
  if (window.job->table.method == Method::kUpdate) return grid;
  for (std::uint32_t index = 0; index < window.rows.size(); ++index) {
    const WindowRow& row = window.rows[index];
    const auto group = static_cast<std::size_t>((row.block - lower) / group_blocks);
    const std::size_t pass = static_cast<std::size_t>(row.line - 1) % passes;
    grid[pass * groups + group].rows.push_back(index);
  }
  std::vector<Batch> batches;
  for (const Batch& batch : grid) append_split(batch, max_rows, batches);
  return batches;
}

}  // namespace

std::vector<Batch> make_batches(const Window& window, std::int64_t max_rows) {
  if (window.job->table.order == ReadOrder::kBlock) return block_batches(window, max_rows);
  if (window.job->table.method == Method::kUpdate) return {Batch{}};
  Batch all;
  all.rows.resize(window.rows.size());
  for (std::uint32_t index = 0; index < window.rows.size(); ++index) all.rows[index] = index;
  std::vector<Batch> batches;
  append_split(all, max_rows, batches);
  return batches;
}

}  // namespace pgbackfill::engine
