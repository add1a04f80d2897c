#pragma once

#include "engine/backfill/table_job.hpp"
#include "engine/backfill/worker_pool.hpp"
#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/ledger/process_ledger.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// Runs the backfill steps of a plan: splits tables into ranges (or takes up those of the
/// ledger), opens them to the worker pools of this process and its helpers in the order that the
/// steps' dependencies allow, and sweeps each table until no row lacks its value. Uses the
/// coordinator's connection; one owner thread.
class BackfillRunner {
 public:
  BackfillRunner(const planner::JobSpec& spec, const planner::Plan& plan,
                 const EngineOptions& options, int job_id, sql::Connection& coordinator,
                 Throttle& throttle, ProgressBoard& board, StopSignal& stop, LogSink log);
  ~BackfillRunner();

  /// All backfill steps not yet done in the ledger. False when stopped before the end.
  bool run();
  /// Fills rows that slipped in afterwards (a constraint found them). False when stopped.
  bool sweep(const std::vector<std::string>& step_ids);
  /// Before the stage enforce: rows that were set aside without a value have one now, or the job
  /// stops here, saying how many have not. False when stopped.
  bool settle_quarantine();

 private:
  enum class State { kWaiting, kRunning, kDone };
  struct Table {
    const planner::Step* step = nullptr;
    RoundRecord round;
    planner::TableBackfill data = {};  ///< as the round's rows get their values
    State state = State::kWaiting;
    int sweeps = 0;                ///< begun by this run
    bool swept = false;            ///< this run began a round of its own after the first
    std::int64_t outstanding = 0;  ///< ranges of the round not known to be done
    bool sweep_only = false;
  };

  bool drive(std::vector<Table> tables);
  void start_ready(std::vector<Table>& tables, WorkerPool& pool);
  void start(Table& table, WorkerPool& pool);
  void start_round(Table& table, WorkerPool& pool, const std::vector<RangeRecord>& ranges);
  /// What the ledger says of the rounds under way, whoever works on them; ends those that are over.
  void look(std::vector<Table>& tables, WorkerPool& pool);
  /// Says who has not been heard of in time. Their ranges can be claimed by then.
  void note_gone();
  void advance(Table& table, WorkerPool& pool);
  void complete(Table& table);
  /// Shares the WAL written since the last call out among the tables that gained rows.
  void account_wal();
  /// Runs a statement that may have to wait for a table lock, again and again where it must.
  sql::Result ask(const std::string& statement, const sql::Params& params = {});
  /// `blocks`: of the table.
  std::vector<RangeRecord> split(const Table& table, std::int64_t blocks);
  std::vector<RangeRecord> split_by_key(const planner::TableBackfill& data);
  void leave_rest(const Table& table, std::int64_t pending);
  /// Rows that the server refused to change: the step is not done with them.
  void keep_open(const planner::Step& step, std::int64_t pending);
  /// Ends the stage where rows were refused, once all others are done.
  void report_refused();
  /// How many rows of the step are in quarantine.
  std::int64_t set_aside(const planner::Step& step);
  /// How many of the job's were refused by the server.
  std::int64_t refused();

  const planner::JobSpec& spec_;
  const planner::Plan& plan_;
  const EngineOptions& options_;
  const int job_id_;
  sql::Connection& connection_;
  Ledger ledger_;
  ProcessLedger processes_;
  Throttle& throttle_;
  ProgressBoard& board_;
  StopSignal& stop_;
  LogSink log_;
  std::int64_t wal_position_ = 0;  ///< up to where WAL is accounted for
  std::map<std::string, std::int64_t> accounted_rows_;
  std::set<std::string> open_;  ///< steps that have rows without a value for want of refused ones
};

}  // namespace pgbackfill::engine
