#include "engine/stop.hpp"

#include <boost/chrono/duration.hpp>
#include <boost/thread/thread.hpp>

#include <algorithm>

namespace pgbackfill::engine {

void StopSignal::request() noexcept {
  int level = level_.load(std::memory_order_relaxed);
  while (level < 2 && !level_.compare_exchange_weak(level, level + 1)) {
  }
}

bool StopSignal::sleep(std::chrono::milliseconds duration, int at_level) const {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (level_.load(std::memory_order_relaxed) < at_level) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return true;
    boost::this_thread::sleep_for(
        boost::chrono::milliseconds(std::min<std::int64_t>(left.count(), 20)));
  }
  return false;
}

StopSignal::Lease::~Lease() {
  if (signal_ == nullptr) return;
  const MutexLock lock(signal_->mutex_);
  signal_->watched_.erase(id_);
}

StopSignal::Lease StopSignal::watch(sql::Canceller canceller) {
  const MutexLock lock(mutex_);
  const std::uint64_t id = next_id_++;
  watched_.emplace(id, std::move(canceller));
  return {*this, id};
}

void StopSignal::cancel_watched() {
  const MutexLock lock(mutex_);
  for (const auto& [id, canceller] : watched_) canceller.cancel();
}

}  // namespace pgbackfill::engine
