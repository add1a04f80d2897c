#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A piece of a table: half-open [lower, upper) in the text forms of the row key's columns, or of
/// one block number. An empty vector is an open end.
struct Bounds {
  std::vector<std::string> lower;
  std::vector<std::string> upper;
  bool operator==(const Bounds&) const = default;
};

/// Most pieces a table is split into: keeps the ledger small at any table size.
inline constexpr std::int64_t kMaxRanges = 4096;

/// Block ranges [0, blocks) of at most `per_range` blocks each, or more where kMaxRanges asks for
/// it. Both ends are closed in: a block number is always known. REQUIRES: per_range > 0.
std::vector<Bounds> split_blocks(std::int64_t blocks, std::int64_t per_range);

/// `per_range` made smaller where that gives every worker as many ranges, of about one size: the
/// last range of a table keeps one busy while the others have nothing to do. All in one range stays
/// so.
std::int64_t even_share(std::int64_t blocks, std::int64_t per_range, int workers);

/// Equal arithmetic pieces of the integer keys [min, max]; the outer ends are open. Pieces may hold
/// any number of rows (keys have gaps). REQUIRES: min <= max, pieces > 0.
std::vector<Bounds> split_integers(std::int64_t min, std::int64_t max, std::int64_t pieces);

/// Ranges between given boundaries (each the first key of the next range, in key order); the outer
/// ends are open. No boundary: one range of everything.
std::vector<Bounds> split_at(const std::vector<std::vector<std::string>>& boundaries);

}  // namespace pgbackfill::planner
