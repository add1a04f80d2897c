#pragma once

#include "engine/mutex.hpp"
#include "sql/connection.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>

namespace pgbackfill::engine {

/// How a run is asked to end early: first politely (batches in flight finish and are
/// checkpointed), then at once (what the server is running is cancelled and rolled back).
/// Thread-safe; request() only touches an atomic, so a signal-waiting thread may call it freely.
class StopSignal {
 public:
  /// Raises the level by one: 0 running, 1 draining, 2 cancelling.
  void request() noexcept;
  bool draining() const noexcept { return level_.load(std::memory_order_relaxed) >= 1; }
  bool cancelling() const noexcept { return level_.load(std::memory_order_relaxed) >= 2; }

  /// Sleeps, but returns early (false) once the level reaches `at_level`.
  bool sleep(std::chrono::milliseconds duration, int at_level = 1) const;

  /// Connections listed here are cancelled when the level reaches 2. The lease ends the listing.
  class Lease {
   public:
    Lease(StopSignal& signal, std::uint64_t id) noexcept : signal_(&signal), id_(id) {}
    Lease(Lease&& other) noexcept : signal_(other.signal_), id_(other.id_) {
      other.signal_ = nullptr;
    }
    Lease& operator=(Lease&&) = delete;
    ~Lease();

   private:
    StopSignal* signal_;
    std::uint64_t id_;
  };
  [[nodiscard]] Lease watch(sql::Canceller canceller);
  /// Cancels all watched connections; called by whoever raised the level to 2.
  void cancel_watched();

 private:
  std::atomic<int> level_{0};
  Mutex mutex_;
  std::uint64_t next_id_ = 0;                        // guarded by mutex_
  std::map<std::uint64_t, sql::Canceller> watched_;  // guarded by mutex_
};

}  // namespace pgbackfill::engine
