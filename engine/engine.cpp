#include "engine/engine.hpp"

#include "engine/control/control_watch.hpp"
#include "engine/coordinator_seat.hpp"
#include "engine/job.hpp"
#include "engine/lease_keeper.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "engine/open_job.hpp"
#include "engine/opening.hpp"
#include "engine/partitions.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/sync_point.hpp"

#include <fmt/format.h>

#include <chrono>

namespace pgbackfill::engine {
namespace {

bool reaches_the_end(const EngineOptions& options) {
  return options.until.value_or(planner::Stage::kFinish) == planner::Stage::kFinish;
}

/// Everything up to the job's first step; begun anew when the link is lost meanwhile.
std::optional<OpenJob> open_patiently(const planner::JobSpec& spec, sql::Connection& connection,
                                      CoordinatorSeat& seat, const EngineOptions& options,
                                      ProgressBoard& board, const StopSignal& stop,
                                      const LogSink& log) {
  std::string backup;
  for (int reconnects = 0;; ++reconnects) {
    try {
      check_session(connection, options.run, log);
      seat.take(connection);
      auto job = open_job(spec, connection, backup, stop, log);
      if (job) {
        Ledger ledger(connection);
        show_where_we_are(*job, ledger, options, board);
        note(connection, job->job_id, "info", job->resumed ? "resumed" : "started");
      }
      return job;
    } catch (const sql::Error& error) {
      const bool lost = error.connection_lost() || !connection.usable();
      if (!lost) throw;
      if (stop.draining()) throw StoppedEarly{};
      if (reconnects >= kMaxReconnects) throw;
      log(LogLevel::kWarning, fmt::format("{}; beginning again", error.what()));
      connection = connect_patiently(connection.options(), stop, log);
    }
  }
}

/// False after a failover to a replica that had not yet received the job.
bool is_there(sql::Connection& connection, int job_id) {
  Ledger ledger(connection);
  if (!ledger.exists()) return false;
  const auto latest = ledger.latest_job();
  return latest && latest->job_id == job_id;
}

/// The process's last word: others need not wait for its leases to run out. Whether it can be said
/// is of no consequence.
void sign_off(sql::Connection& connection, int job_id, std::int64_t process) {
  try {
    if (process == 0 || !connection.usable()) return;
    ProcessLedger(connection, job_id).leave(process);
  } catch (const sql::Error&) {
  }
}

/// Whether the plan is another now because partitions came or went, which explains a failure.
bool partitions_moved(const planner::JobSpec& spec, OpenJob& job, sql::Connection& connection,
                      const StopSignal& stop, const LogSink& log) {
  if (stop.draining()) return false;
  try {
    if (connection.in_transaction()) connection.execute("ROLLBACK");
    auto plan = follow_partitions(spec, job.plan, job.job_id, connection, log);
    if (plan) job.plan.steps = std::move(plan->steps);
    return plan.has_value();
  } catch (const std::exception& error) {
    log(LogLevel::kWarning, fmt::format("looking at partitions: {}", error.what()));
    return false;
  }
}

/// Runs the job's steps. When the coordinator's own link is lost (a server restart), takes it up
/// again from the ledger like a new run would, and so when its partitions are others by now.
bool run_to_end(const planner::JobSpec& spec, OpenJob& job, EngineOptions& options,
                sql::Connection& connection, CoordinatorSeat& seat, ProgressBoard& board,
                StopSignal& stop, const LogSink& log) {
  std::optional<ControlWatch> watch;
  std::optional<LeaseKeeper> keeper;
  bool linked = true;
  for (int reconnects = 0;;) {
    if (!linked) connection = connect_patiently(connection.options(), stop, log);
    try {
      if (!linked) {
        linked = true;
        seat.take(connection);
        if (!is_there(connection, job.job_id)) {
          log(LogLevel::kWarning,
              fmt::format("job {} is not in the ledger any more: a server that lacks what was "
                          "committed last has taken the other's place; the next run begins with "
                          "what is there",
                          job.job_id));
          return false;
        }
      }
      ProcessLedger processes(connection, job.job_id);
      if (options.process == 0) options.process = processes.enter("coordinator", options.lease);
      processes.coordinate(options.process);
      if (!keeper) {
        watch.emplace(options, job.job_id, board, stop, log);
        watch->look(connection);
        keeper.emplace(options, job.plan.schema, job.job_id, *watch, log);
      }
      const auto lease = stop.watch(connection.canceller());
      JobRunner runner(spec, job.plan, options, job.job_id, connection, board, stop, log);
      const bool complete = runner.run();
      if (complete && reaches_the_end(options)) Ledger(connection).finish_job(job.job_id);
      return complete;
    } catch (PlanChanged& changed) {
      job.plan.steps = std::move(changed.plan.steps);
      continue;
    } catch (const sql::Error& error) {
      const bool lost = error.connection_lost() || !connection.usable();
      const bool passes = lost || classify(error.sqlstate(), lost) == Disposition::kRetry;
      if (stop.cancelling() || (stop.draining() && passes)) return false;
      if (!lost && partitions_moved(spec, job, connection, stop, log)) continue;
      if (!lost || reconnects >= kMaxReconnects) throw;
      log(LogLevel::kWarning, fmt::format("{}; going on from the ledger", error.what()));
    } catch (const SeatLost& error) {
      if (stop.draining()) return false;
      if (reconnects >= kMaxReconnects) throw;
      log(LogLevel::kWarning, fmt::format("{}; going on from the ledger", error.what()));
    } catch (const std::exception&) {
      if (!partitions_moved(spec, job, connection, stop, log)) throw;
      continue;
    }
    ++reconnects;
    linked = false;
  }
}

/// Rows changed since the run began, by whomever: the board's count may be a moment old.
std::int64_t rows_since(sql::Connection& connection, const OpenJob& job,
                        const ProgressSnapshot& board) {
  try {
    std::int64_t rows = 0;
    for (const BackfillRecord& record : Ledger(connection).backfills(job.job_id, job.plan)) {
      rows += record.rows;
    }
    return rows - board.rows_before;
  } catch (const sql::Error&) {
    return board.rows;
  }
}

/// The coordinator's session, of use for a look while another run may begin.
std::optional<sql::Connection> without_seat(sql::Connection connection) {
  try {
    CoordinatorSeat::leave(connection);
    return connection;
  } catch (const sql::Error&) {
    return std::nullopt;
  }
}

}  // namespace

RunReport run_job(const planner::JobSpec& spec, const EngineOptions& options, ProgressBoard& board,
                  StopSignal& stop, const LogSink& log) {
  const auto started = std::chrono::steady_clock::now();
  sql::Connection connection = connect_first(
      session_options(options, spec.schema, SessionRole::kCoordinator, log), stop, log);
  RunReport report;
  planner::JobSpec effective = spec;
  effective.run = options.run;
  const auto seat = std::make_shared<CoordinatorSeat>();
  EngineOptions seated = options;
  seated.seat = seat;
  seated.control = std::make_shared<RunControl>(options.run);
  std::optional<OpenJob> job;
  try {
    job = open_patiently(effective, connection, *seat, options, board, stop, log);
  } catch (const StoppedEarly&) {
    report.outcome = RunOutcome::kStopped;
    return report;
  }
  if (!job) {
    report.outcome = RunOutcome::kAlreadyDone;
    report.finished = true;
    return report;
  }
  report.job_id = job->job_id;
  report.resumed = job->resumed;
  bool complete = false;
  try {
    complete = run_to_end(effective, *job, seated, connection, *seat, board, stop, log);
  } catch (const std::exception& error) {
    note(connection, job->job_id, "error", error.what());
    sign_off(connection, job->job_id, seated.process);
    if (!job->backup.empty()) {
      log(LogLevel::kInfo,
          fmt::format("to take the database back to before the job, restore from {}", job->backup));
    }
    throw;
  }
  report.outcome = complete ? RunOutcome::kDone : RunOutcome::kStopped;
  report.finished = complete && reaches_the_end(options);
  note(connection, job->job_id, "info",
       report.finished ? "finished" : (complete ? "reached the stage asked for" : "stopped"));
  sign_off(connection, job->job_id, seated.process);
  report.rows = rows_since(connection, *job, board.snapshot());
  report.throttled = board.snapshot().throttled;
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  report.session = without_seat(std::move(connection));
  return report;
}

}  // namespace pgbackfill::engine
