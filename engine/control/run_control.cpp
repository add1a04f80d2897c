#include "engine/control/run_control.hpp"

#include "engine/engine.hpp"

#include <chrono>

namespace pgbackfill::engine {
namespace {

constexpr std::chrono::milliseconds kPassEvery{20};

}  // namespace

RunControl::RunControl(const planner::RunOptions& run) : run_(run), workers_(run.workers) {}

planner::RunOptions RunControl::settings() const {
  const MutexLock lock(mutex_);
  return run_;
}

void RunControl::change(const planner::RunOptions& run) {
  const MutexLock lock(mutex_);
  run_ = run;
  workers_ = run.workers;
  ++changes_;
}

bool RunControl::pass(const StopSignal& stop) const {
  while (paused()) {
    if (!stop.sleep(kPassEvery)) return false;
  }
  return !stop.draining();
}

std::shared_ptr<RunControl> control_of(const EngineOptions& options) {
  return options.control ? options.control : std::make_shared<RunControl>(options.run);
}

}  // namespace pgbackfill::engine
