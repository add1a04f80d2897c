#pragma once

#include "engine/backfill/table_job.hpp"
#include "engine/engine.hpp"
#include "engine/throttle/throttle.hpp"

#include <chrono>
#include <exception>
#include <memory>
#include <string>

namespace pgbackfill::engine {

/// What the pool tells its owner.
struct PoolEvent {
  enum class Kind { kRangeDone, kFailed } kind = Kind::kRangeDone;
  std::string step_id;       ///< kRangeDone
  int round = 0;             ///< kRangeDone
  std::exception_ptr error;  ///< kFailed: the first failure; the pool has stopped
};

/// Readers and writers of the data path. Readers claim ranges of the job's open rounds in the
/// ledger, beside those of other processes, and read their windows, each for the writer that asked;
/// a writer asks for its next window before it writes the one it has,
/// so that reading and writing overlap and at most two windows per writer are in memory. A range
/// is worked on by one writer, its windows in order. While something holds the horizon back,
/// tables that need several passes get one pass or wait (RunOptions::on_held_horizon).
/// There are as many writers as RunControl says at the time: others are connected when they are
/// first called for, and leave their ranges to the rest between two batches while they are not.
/// look(), wait() and the destructor belong to one owner thread.
class WorkerPool {
 public:
  /// `options.process` claims the ranges.
  WorkerPool(const planner::JobSpec& spec, const planner::Plan& plan, const EngineOptions& options,
             int job_id, Throttle& throttle, ProgressBoard& board, StopSignal& stop, LogSink log);
  /// Ends the threads after their batches in flight.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// A round was opened: there are ranges to claim. Without it the pool looks now and then.
  void look();
  /// Waits for the next event; false when none came within `timeout`.
  bool wait(PoolEvent& event, std::chrono::milliseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pgbackfill::engine
