#include "planner/backfill/splitter.hpp"

#include <algorithm>

namespace pgbackfill::planner {

std::vector<Bounds> split_blocks(std::int64_t blocks, std::int64_t per_range) {
  per_range = std::max(per_range, (blocks + kMaxRanges - 1) / kMaxRanges);
  std::vector<Bounds> ranges;
  for (std::int64_t lower = 0; lower < blocks; lower += per_range) {
    ranges.push_back(
        {{std::to_string(lower)}, {std::to_string(std::min(blocks, lower + per_range))}});
  }
  return ranges;
}

std::int64_t even_share(std::int64_t blocks, std::int64_t per_range, int workers) {
  const std::int64_t pieces = (blocks + per_range - 1) / per_range;
  if (pieces <= 1) return per_range;
  const std::int64_t rounds = (pieces + workers - 1) / workers;
  const std::int64_t even = rounds * workers;
  return std::max<std::int64_t>(1, (blocks + even - 1) / even);
}

std::vector<Bounds> split_integers(std::int64_t min, std::int64_t max, std::int64_t pieces) {
  // The span of two int64 needs 65 bits: unsigned arithmetic holds it less the one we add.
  const auto span = static_cast<std::uint64_t>(max) - static_cast<std::uint64_t>(min);
  const auto count = static_cast<std::uint64_t>(std::clamp<std::int64_t>(pieces, 1, kMaxRanges));
  const std::uint64_t width = span / count + 1;
  std::vector<std::vector<std::string>> boundaries;
  for (std::uint64_t at = width; at <= span; at += width) {
    boundaries.push_back(
        {std::to_string(static_cast<std::int64_t>(static_cast<std::uint64_t>(min) + at))});
    if (span - at < width) break;
  }
  return split_at(boundaries);
}

std::vector<Bounds> split_at(const std::vector<std::vector<std::string>>& boundaries) {
  std::vector<Bounds> ranges(boundaries.size() + 1);
  for (std::size_t i = 0; i < boundaries.size(); ++i) {
    ranges[i].upper = boundaries[i];
    ranges[i + 1].lower = boundaries[i];
  }
  return ranges;
}

}  // namespace pgbackfill::planner
