#include "engine/engine.hpp"

#include "engine/backup/backup.hpp"
#include "engine/coordinator_seat.hpp"
#include "engine/job.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/sync_point.hpp"
#include "planner/file/migration_file.hpp"
#include "planner/preflight/user_triggers.hpp"
#include "sql/catalog.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <chrono>
#include <set>

namespace pgbackfill::engine {
namespace {

using planner::Finding;

void refuse_if_needed(const std::vector<Finding>& findings, const LogSink& log) {
  bool refused = false;
  for (const Finding& finding : findings) {
    refused = refused || finding.refuses;
    if (!finding.refuses && log) log(LogLevel::kWarning, finding.to_string());
  }
  if (refused) throw Refused("the job may not start; nothing was changed", findings);
}

/// A role or database may begin its transactions read-only, which no preflight of a resumed job
/// would tell.
void refuse_read_only(sql::Connection& connection) {
  const sql::Result state = connection.execute(
      "SELECT current_setting('default_transaction_read_only')::boolean, pg_is_in_recovery(), "
      "current_user, current_database()");
  if (!state.boolean(0, 0) || state.boolean(0, 1)) return;
  throw Refused(fmt::format(
      "default_transaction_read_only is on for role {} in database {}, so nothing can be written; "
      "ALTER ROLE {} SET default_transaction_read_only = off, or for this run: "
      "PGOPTIONS='-c default_transaction_read_only=off'",
      state.text(0, 2), state.text(0, 3), sql::quote_identifier(state.text(0, 2))));
}

/// A server that goes down more often than this during one run needs a person.
constexpr int kMaxReconnects = 20;

struct OpenJob {
  int job_id = 0;
  planner::Plan plan;
  bool resumed = false;
  std::string backup;  ///< where the one is that was made before it; empty: none
};

/// A stop was asked for before the job was open.
struct StoppedEarly {};

planner::Plan plan_afresh(const planner::JobSpec& spec, sql::Connection& connection,
                          const LogSink& log) {
  const sql::Catalog catalog = sql::read_catalog(connection);
  auto errors = planner::check_against_catalog(spec, catalog);
  if (!errors.empty()) throw planner::SpecErrors(std::move(errors));
  refuse_if_needed(planner::preflight(spec, catalog, connection), log);
  return planner::make_plan(spec, catalog, connection);
}

/// What was found when the job was planned may have changed since, and so may [run].
void check_triggers_again(const planner::JobSpec& spec, const OpenJob& job, Ledger& ledger,
                          sql::Connection& connection, const LogSink& log) {
  std::set<std::string> done;
  for (const StepRecord& step : ledger.steps(job.job_id)) {
    if (step.state == "done") done.insert(step.step_id);
  }
  refuse_if_needed(planner::check_user_triggers(planner::written_tables(job.plan, done),
                                                spec.run.user_triggers, spec.schema, connection),
                   log);
}

/// What the file asks for before the first change; `backup` is kept when the link is lost later.
void back_up(const planner::JobSpec& spec, sql::Connection& connection, std::string& backup,
             const StopSignal& stop, const LogSink& log) {
  if (!backup.empty()) return;
  if (!spec.backup) {
    log(LogLevel::kInfo, "there is no [backup] in the migration file: none is made");
    return;
  }
  const auto made = make_backup(spec, connection, stop, log);
  if (!made) throw StoppedEarly{};
  backup = made->string();
}

/// Nothing when the job had been finished before.
std::optional<OpenJob> open_job(const planner::JobSpec& spec, sql::Connection& connection,
                                std::string& backup, const StopSignal& stop, const LogSink& log) {
  const auto lines = planner::canonical_lines(spec);
  const std::string fingerprint = planner::fingerprint(lines);
  Ledger ledger(connection);
  if (ledger.exists()) {
    if (const auto job = ledger.latest_job()) {
      if (job->format != kLedgerFormat) {
        throw Refused(
            fmt::format("the ledger has format {}, this version writes format {}; use "
                        "the version that started the job",
                        job->format, kLedgerFormat));
      }
      const bool same = job->fingerprint == fingerprint;
      if (job->state == "finished" && same) return std::nullopt;
      if (job->state != "finished" && !same) {
        std::string text =
            "the migration file is not the one that the unfinished job was started with; put it "
            "back, or finish that job first. What differs:";
        for (const std::string& line : planner::difference(job->spec, lines)) text += "\n  " + line;
        throw Refused(text);
      }
      if (job->state != "finished") {
        OpenJob resumed{job->job_id, planner::plan_from_json(job->plan), true, job->backup};
        check_triggers_again(spec, resumed, ledger, connection, log);
        return resumed;
      }
    }
  }
  planner::Plan plan = plan_afresh(spec, connection, log);
  back_up(spec, connection, backup, stop, log);
  // It may have taken hours.
  if (!backup.empty()) plan = plan_afresh(spec, connection, {});
  ledger.create();
  sync_point(SyncPoint::kLedgerCreated);
  const int job_id = ledger.create_job(fingerprint, lines, plan, backup);
  sync_point(SyncPoint::kJobCreated);
  return OpenJob{job_id, std::move(plan), false, backup};
}

void show_where_we_are(const OpenJob& job, Ledger& ledger, ProgressBoard& board) {
  int done = 0;
  for (const StepRecord& step : ledger.steps(job.job_id)) done += step.state == "done" ? 1 : 0;
  std::int64_t rows = 0;
  for (const BackfillRecord& backfill : ledger.backfills(job.job_id)) rows += backfill.rows;
  double estimated = 0;
  for (const planner::Step& step : job.plan.steps) {
    if (step.backfill && step.backfill->method != planner::Method::kCatalog) {
      estimated += step.backfill->estimated_rows;
    }
  }
  board.job(static_cast<int>(job.plan.steps.size()), done, estimated, rows);
}

bool reaches_the_end(const EngineOptions& options) {
  return options.until.value_or(planner::Stage::kFinish) == planner::Stage::kFinish;
}

/// The diary is for people; a lost line of it must not fail a job.
void note(sql::Connection& connection, int job_id, std::string_view level,
          std::string_view message) {
  try {
    if (connection.usable()) Ledger(connection).event(job_id, level, message);
  } catch (const sql::Error&) {
  }
}

/// A server that cannot be reached is told at once; one that was, and is gone again, is waited for.
sql::Connection connect_first(const sql::ConnectOptions& options, const StopSignal& stop,
                              const LogSink& log) {
  try {
    return sql::Connection(options);
  } catch (const sql::Error& error) {
    if (!error.connection_lost() || error.diagnostics().message.starts_with("cannot connect")) {
      throw;
    }
  }
  return connect_patiently(options, stop, log);
}

/// Everything up to the job's first step; begun anew when the link is lost meanwhile.
std::optional<OpenJob> open_patiently(const planner::JobSpec& spec, sql::Connection& connection,
                                      CoordinatorSeat& seat, ProgressBoard& board,
                                      const StopSignal& stop, const LogSink& log) {
  std::string backup;
  for (int reconnects = 0;; ++reconnects) {
    try {
      refuse_if_needed(planner::check_server(connection.server_version()), log);
      refuse_read_only(connection);
      seat.take(connection);
      auto job = open_job(spec, connection, backup, stop, log);
      if (job) {
        Ledger ledger(connection);
        show_where_we_are(*job, ledger, board);
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

/// Runs the job's steps. When the coordinator's own link is lost (a server restart), takes it up
/// again from the ledger like a new run would.
bool run_to_end(const planner::JobSpec& spec, const OpenJob& job, const EngineOptions& options,
                sql::Connection& connection, CoordinatorSeat& seat, ProgressBoard& board,
                StopSignal& stop, const LogSink& log) {
  for (int reconnects = 0;; ++reconnects) {
    if (reconnects > 0) connection = connect_patiently(connection.options(), stop, log);
    try {
      if (reconnects > 0) seat.take(connection);
      const auto lease = stop.watch(connection.canceller());
      JobRunner runner(spec, job.plan, options, job.job_id, connection, board, stop, log);
      const bool complete = runner.run();
      if (complete && reaches_the_end(options)) Ledger(connection).finish_job(job.job_id);
      return complete;
    } catch (const sql::Error& error) {
      const bool lost = error.connection_lost() || !connection.usable();
      const bool passes = lost || classify(error.sqlstate(), lost) == Disposition::kRetry;
      if (stop.cancelling() || (stop.draining() && passes)) return false;
      if (!lost || reconnects >= kMaxReconnects) throw;
      log(LogLevel::kWarning, fmt::format("{}; going on from the ledger", error.what()));
    } catch (const SeatLost& error) {
      if (stop.draining()) return false;
      if (reconnects >= kMaxReconnects) throw;
      log(LogLevel::kWarning, fmt::format("{}; going on from the ledger", error.what()));
    }
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
  std::optional<OpenJob> job;
  try {
    job = open_patiently(effective, connection, *seat, board, stop, log);
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
  report.rows = board.snapshot().rows;
  report.throttled = board.snapshot().throttled;
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report;
}

}  // namespace pgbackfill::engine
