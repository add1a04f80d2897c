#pragma once

#include "engine/progress.hpp"

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::tools {

/// Rows per second over the last seconds. Thread-compatible.
class RateWindow {
 public:
  explicit RateWindow(double seconds = 10) noexcept : seconds_(seconds) {}
  /// `now` in seconds of any steady clock, not before the last one given.
  void add(double now, std::int64_t rows);
  double per_second() const;

 private:
  double seconds_;
  std::deque<std::pair<double, std::int64_t>> samples_;
};

/// What a progress display shows.
struct ProgressView {
  engine::ProgressSnapshot snapshot;
  double elapsed = 0;                         ///< seconds of this run
  double rate = 0;                            ///< rows per second over all tables, of late
  double mean_rate = 0;                       ///< the same since the backfill began
  double wal_rate = 0;                        ///< bytes of WAL per second, of late
  std::map<std::string, double> table_rates;  ///< by step id
};

/// A block for a terminal of `width` columns and `height` rows: at most `height` - 1 lines (but
/// at least one), none wider than `width` - 1.
std::vector<std::string> progress_block(const ProgressView& view, int width, int height);

/// The same in one plain line, for logs.
std::string progress_line(const ProgressView& view);

/// `text` without control characters, cut to `columns` terminal columns.
std::string clip(std::string_view text, int columns);

}  // namespace pgbackfill::tools
