#include "engine/backfill/batch_sizer.hpp"

#include "planner/backfill/window_shape.hpp"

#include <algorithm>

namespace pgbackfill::engine {

using planner::kFirstBatchRows;
using planner::kMaxBatchRows;
using planner::kMinBatchRows;

BatchSizer::BatchSizer(std::chrono::milliseconds target, std::int64_t fixed_rows)
    : target_us_(static_cast<double>(target.count()) * 1000),
      fixed_(fixed_rows > 0),
      rows_(fixed_ ? fixed_rows : kFirstBatchRows) {}

void BatchSizer::measured(std::int64_t rows, std::chrono::microseconds took) {
  if (fixed_ || rows <= 0) return;
  const auto us = static_cast<double>(took.count());
  const MutexLock lock(mutex_);
  if (us > 2 * target_us_) {
    rows_ = std::max(kMinBatchRows, std::min(rows, this->rows()) / 2);
    count_ = 0;
    return;
  }
  us_per_row_[count_ % kSamples] = us / static_cast<double>(rows);
  if (++count_ % kSamples != 0) return;
  auto sorted = us_per_row_;
  std::sort(sorted.begin(), sorted.end());
  const double p90 = std::max(sorted[kSamples * 9 / 10], 0.001);
  const auto current = static_cast<double>(this->rows());
  const double wanted = std::clamp(target_us_ / p90, current / 2, current * 1.5);
  rows_ = std::clamp(static_cast<std::int64_t>(wanted), kMinBatchRows, kMaxBatchRows);
}

}  // namespace pgbackfill::engine
