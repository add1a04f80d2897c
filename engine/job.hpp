#pragma once

#include "engine/backfill/backfill_runner.hpp"
#include "engine/control/run_control.hpp"
#include "engine/ddl/ddl_runner.hpp"
#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/throttle/throttle.hpp"

#include <boost/thread/condition_variable.hpp>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// The plan has changed in the ledger: it is to be gone on with from there.
struct PlanChanged {
  planner::Plan plan;
};

/// Takes one job's plan through its stages, from whatever the ledger says is done. Steps of
/// different tables run side by side where a stage's steps are long (NOT NULL and foreign-key
/// validation, index builds); never two DDL statements on one table at a time.
class JobRunner {
 public:
  JobRunner(const planner::JobSpec& spec, const planner::Plan& plan, const EngineOptions& options,
            int job_id, sql::Connection& coordinator, ProgressBoard& board, StopSignal& stop,
            LogSink log);

  /// False when stopped before the end of the last stage asked for. Throws PlanChanged where
  /// partitions came or went.
  bool run();

 private:
  using Steps = std::vector<const planner::Step*>;
  /// The steps of one table, in order. Moved on by whoever has taken it.
  struct TableSteps {
    Steps steps;
    Steps::const_iterator next;
    bool taken = false;  ///< guarded by open_mutex_
  };
  void look_at_partitions();
  bool run_stage(planner::Stage stage);
  bool run_steps(planner::Stage stage, const Steps& steps);
  /// The stage's i-th connection.
  DdlRunner& ddl(std::size_t i);
  bool run_in_order(DdlRunner& ddl, const Steps& steps);
  /// The step at `next`, with those that share its transaction; `next` is moved behind them.
  bool run_next(DdlRunner& ddl, Steps::const_iterator& next, Steps::const_iterator end);
  /// The steps from `first` on that may share a transaction with it.
  Steps joint(Steps::const_iterator first, Steps::const_iterator end);
  bool run_joined(DdlRunner& ddl, const Steps& steps);
  /// No stop came, and nothing asks for a pause.
  bool may_go_on(const planner::Step& step);
  void completed(const planner::Step& step);
  /// What the step comes after is complete. REQUIRES: open_mutex_ held.
  bool ready(const planner::Step& step) const;
  /// A table with a step that is ready, for one worker alone: no worker waits for one table while
  /// another could go on. nullptr when nothing is left, or the stage is to end before.
  TableSteps* take(std::vector<TableSteps>& tables);
  /// The table's next step is ready, too; else lets go of the table.
  bool goes_on(TableSteps& table);
  bool run_side_by_side(const Steps& steps);
  /// What writers changed while the backfill ran. Where that took rows their value, they are filled
  /// like any other.
  bool catch_up(const Steps& steps);
  StepOutcome run_step(DdlRunner& ddl, const planner::Step& step);
  bool sweep(const planner::Step& step);

  const planner::JobSpec& spec_;
  const planner::Plan& plan_;
  const EngineOptions& options_;
  const int job_id_;
  sql::Connection& connection_;
  const std::shared_ptr<RunControl> control_;
  ProgressBoard& board_;
  StopSignal& stop_;
  LogSink log_;
  Ledger ledger_;
  Throttle throttle_;
  BackfillRunner backfill_;
  std::vector<std::unique_ptr<DdlRunner>> ddl_;  ///< kept from stage to stage, with what they know
  Mutex sweep_mutex_;  ///< backfill_ and its connection: one sweep at a time
  Mutex open_mutex_;
  boost::condition_variable step_ended_;
  std::set<std::string> open_;       // of the stage, not yet complete; guarded by open_mutex_
  std::atomic<bool> failed_{false};  ///< a step of the stage failed or was stopped
};

}  // namespace pgbackfill::engine
