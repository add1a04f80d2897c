#include "engine/backfill/batch_sizer.hpp"

#include "planner/backfill/window_shape.hpp"

#include <algorithm>

namespace pgbackfill::engine {

using planner::kFirstBatchRows;
using planner::kMaxBatchRows;
using planner::kMinBatchRows;

BatchSizer::BatchSizer(std::chrono::milliseconds target, std::int64_t fixed_rows)
    : rows_(fixed_rows > 0 ? fixed_rows : kFirstBatchRows),
      target_(target),
      fixed_rows_(fixed_rows) {}

void BatchSizer::aim(std::chrono::milliseconds target, std::int64_t fixed_rows) {
  const MutexLock lock(mutex_);
  if (target == target_ && fixed_rows == fixed_rows_) return;
  if (fixed_rows > 0) {
    rows_ = fixed_rows;
  } else if (fixed_rows_ > 0) {
    rows_ = kFirstBatchRows;
  } else {
    // As long as rows take what they took, that is the new size; what is measured mends it.
    const double factor =
        static_cast<double>(target.count()) / static_cast<double>(target_.count());
    const auto rows = static_cast<std::int64_t>(static_cast<double>(this->rows()) * factor);
    rows_ = std::clamp(rows, kMinBatchRows, std::max(kFirstBatchRows, this->rows()));
  }
  target_ = target;
  fixed_rows_ = fixed_rows;
  count_ = 0;
}

void BatchSizer::measured(std::int64_t rows, std::chrono::microseconds took) {
  const auto us = static_cast<double>(took.count());
  const MutexLock lock(mutex_);
  if (fixed_rows_ > 0 || rows <= 0) return;
  const double target_us = static_cast<double>(target_.count()) * 1000;
  if (us > 2 * target_us) {
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
  const double wanted = std::clamp(target_us / p90, current / 2, current * 1.5);
  rows_ = std::clamp(static_cast<std::int64_t>(wanted), kMinBatchRows, kMaxBatchRows);
}

}  // namespace pgbackfill::engine
