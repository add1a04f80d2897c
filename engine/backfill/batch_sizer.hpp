#pragma once

#include "engine/mutex.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace pgbackfill::engine {

/// Chooses how many rows a batch should hold so that it takes about the target time: follows the
/// slowest tenth of recent batches, grows by half at most, and shrinks at once when a single batch
/// takes over twice the target. Thread-safe.
class BatchSizer {
 public:
  /// `fixed_rows` > 0 sets the size for good.
  BatchSizer(std::chrono::milliseconds target, std::int64_t fixed_rows);

  std::int64_t rows() const noexcept { return rows_.load(std::memory_order_relaxed); }
  /// Another target, or size, from now on.
  void aim(std::chrono::milliseconds target, std::int64_t fixed_rows);
  /// Tells how long a batch of `rows` rows took, waiting for locks and retries left out.
  void measured(std::int64_t rows, std::chrono::microseconds took);

 private:
  static constexpr std::size_t kSamples = 20;

  std::atomic<std::int64_t> rows_;
  Mutex mutex_;
  std::chrono::milliseconds target_;           // guarded by mutex_
  std::int64_t fixed_rows_;                    // guarded by mutex_
  std::array<double, kSamples> us_per_row_{};  // guarded by mutex_
  std::size_t count_ = 0;                      // guarded by mutex_
};

}  // namespace pgbackfill::engine
