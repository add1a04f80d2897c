#pragma once

#include "engine/mutex.hpp"
#include "engine/stop.hpp"
#include "planner/job_spec.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace pgbackfill::engine {

struct EngineOptions;

/// What holds for a run under way: its settings, which an operator may change, and whether an
/// operator has paused it. Whoever works for the run looks here rather than at the settings of the
/// start. Thread-safe.
class RunControl {
 public:
  explicit RunControl(const planner::RunOptions& run);

  planner::RunOptions settings() const;
  int workers() const noexcept { return workers_.load(std::memory_order_relaxed); }
  /// Counts the changes of the settings.
  int changes() const noexcept { return changes_.load(std::memory_order_relaxed); }
  void change(const planner::RunOptions& run);

  bool paused() const noexcept { return paused_.load(std::memory_order_relaxed); }
  void pause() noexcept { paused_ = true; }
  void resume() noexcept { paused_ = false; }
  /// Between steps, with no transaction open: waits while paused. False when a stop came first.
  bool pass(const StopSignal& stop) const;

 private:
  mutable Mutex mutex_;
  planner::RunOptions run_;  // guarded by mutex_
  std::atomic<int> workers_;
  std::atomic<int> changes_{0};
  std::atomic<bool> paused_{false};
};

/// The run's; for a command that nobody controls, one of its own.
std::shared_ptr<RunControl> control_of(const EngineOptions& options);

}  // namespace pgbackfill::engine
