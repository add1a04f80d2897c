#pragma once

#include "engine/backfill/batch_sizer.hpp"
#include "engine/control/run_control.hpp"
#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// How a step ended.
enum class StepOutcome {
  kDone,      ///< carried out, or found to be so already
  kStopped,   ///< a stop came first
  kViolated,  ///< a row without its value was found: sweep, then try again
};

/// The step's table has been dropped by somebody, and all of the step with it.
bool table_gone(sql::Connection& connection, const planner::Step& step);

/// What a probe of the plan says; no row and NULL count as no.
bool holds(sql::Connection& connection, const std::string& probe);

/// Carries out the steps that are not backfills: asks the catalog whether a step is already so,
/// runs it with lock_timeout and retries so that the application never queues behind it for long,
/// and writes it down in the ledger. Owns its connection (the coordinator's session lock lives on
/// another); one owner thread.
class DdlRunner {
 public:
  DdlRunner(const planner::JobSpec& spec, const EngineOptions& options, std::string_view schema,
            int job_id, StopSignal& stop, LogSink log);

  /// Throws sql::Error or std::runtime_error when retrying does not help; the ledger then has the
  /// error. `may_sweep`: a violated NOT NULL is reported as kViolated instead.
  StepOutcome run(const planner::Step& step, bool may_sweep);

  /// Carries out steps of one table, kSql each, in one transaction, where that is over in a moment:
  /// the table is small, none of them is so already, and no lock must be waited for. False:
  /// nothing of it was done, whatever the reason, and each step is to be run by itself.
  bool run_joined(const std::vector<const planner::Step*>& steps);

  /// Takes a step back that the job carried out; `ours` false: one that it found to be so, of which
  /// only the record is taken back. Throws as run() does.
  StepOutcome take_back(const planner::Step& step, bool ours);

 private:
  /// Tries until it is done, helpless or stopped; failures are noted with `recorded`.
  template <typename Try>
  StepOutcome persist(const planner::Step& step, const planner::Step& recorded, Try attempt);
  StepOutcome attempt(const planner::Step& step, bool may_sweep);
  StepOutcome attempt_back(const planner::Step& step, bool ours);
  bool joinable(const std::vector<const planner::Step*>& steps);
  StepOutcome carry_out(const planner::Step& step);
  void load_lookup(const planner::Step& step);
  bool reconcile(const planner::Step& step);
  /// Rows of `found` from `first` on; returns up to where.
  int mend(const planner::Step& step, const sql::Result& found, int first, std::int64_t& mended);
  bool retry(const sql::Error& error, const planner::Step& step);
  /// lock_timeout and batch sizes as they are now.
  void follow_settings();
  void outlast_vacuum(const planner::Step& step);

  const planner::JobSpec& spec_;
  const int job_id_;
  const bool skips_triggers_;  ///< of the application, for the rows that are mended
  const std::shared_ptr<RunControl> control_;
  const std::chrono::milliseconds first_lock_timeout_;  ///< of each new session
  StopSignal& stop_;
  LogSink log_;
  Session session_;
  std::chrono::milliseconds lock_timeout_{0};  ///< of the session's connection
  int lock_timeout_on_ = 0;                    ///< which of the session's connections
  Backoff backoff_;
  BatchSizer mend_sizer_;
  int mends_ = 0;
  int attempts_ = 0;
};

}  // namespace pgbackfill::engine
