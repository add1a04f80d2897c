#include "engine/engine.hpp"

#include "engine/job.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/sync_point.hpp"
#include "planner/file/migration_file.hpp"
#include "sql/catalog.hpp"
#include "sql/identifier.hpp"

#include <boost/chrono.hpp>
#include <boost/thread/thread.hpp>
#include <fmt/format.h>

#include <chrono>

namespace pgbackfill::engine {
namespace {

using planner::Finding;

/// Session advisory lock of the one coordinator of a database ("pgbkfill" in ASCII).
constexpr std::int64_t kCoordinatorLock = 0x7067626b66696c6c;

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

/// A run that has just ended, or was killed, keeps the lock until its backend has noticed.
bool try_coordinator_lock(sql::Connection& connection) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    const sql::Result taken = connection.execute("SELECT pg_try_advisory_lock($1::bigint)",
                                                 {std::to_string(kCoordinatorLock)});
    if (taken.boolean(0, 0)) return true;
    boost::this_thread::sleep_for(boost::chrono::milliseconds(20));
  }
  return false;
}

void take_coordinator_lock(sql::Connection& connection) {
  if (try_coordinator_lock(connection)) return;
  const sql::Result holder = connection.execute(
      "SELECT a.pid, coalesce(a.usename, '?'), coalesce(a.application_name, '?'), "
      "coalesce(host(a.client_addr), 'local'), coalesce(a.backend_start::text, '?') "
      "FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
      "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
      "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
      "AND l.classid::bigint << 32 | l.objid::bigint = $1::bigint",
      {std::to_string(kCoordinatorLock)});
  std::string who = "a session that has ended meanwhile; try again";
  if (holder.rows() > 0) {
    who = fmt::format("backend {} (user {}, {}, from {}, since {}); wait for it to end, or stop it",
                      holder.text(0, 0), holder.text(0, 1), holder.text(0, 2), holder.text(0, 3),
                      holder.text(0, 4));
  }
  throw Refused("another pgbackfill run holds this database: " + who);
}

/// A server that goes down more often than this during one run needs a person.
constexpr int kMaxReconnects = 20;

struct OpenJob {
  int job_id = 0;
  planner::Plan plan;
  bool resumed = false;
};

planner::Plan plan_afresh(const planner::JobSpec& spec, sql::Connection& connection,
                          const LogSink& log) {
  const sql::Catalog catalog = sql::read_catalog(connection);
  auto errors = planner::check_against_catalog(spec, catalog);
  if (!errors.empty()) throw planner::SpecErrors(std::move(errors));
  refuse_if_needed(planner::preflight(spec, catalog, connection), log);
  return planner::make_plan(spec, catalog, connection);
}

/// Nothing when the job had been finished before.
std::optional<OpenJob> open_job(const planner::JobSpec& spec, sql::Connection& connection,
                                const LogSink& log) {
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
        return OpenJob{job->job_id, planner::plan_from_json(job->plan), true};
      }
    }
  }
  planner::Plan plan = plan_afresh(spec, connection, log);
  ledger.create();
  sync_point(SyncPoint::kLedgerCreated);
  const int job_id = ledger.create_job(fingerprint, lines, plan);
  sync_point(SyncPoint::kJobCreated);
  return OpenJob{job_id, std::move(plan), false};
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

/// Runs the job's steps. When the coordinator's own link is lost (a server restart), takes it up
/// again from the ledger like a new run would.
bool run_to_end(const planner::JobSpec& spec, const OpenJob& job, const EngineOptions& options,
                sql::Connection& connection, ProgressBoard& board, StopSignal& stop,
                const LogSink& log) {
  for (int reconnects = 0;; ++reconnects) {
    try {
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
      if (!connection.usable()) {
        connection = connect_patiently(connection.options(), stop, log);
        take_coordinator_lock(connection);
      }
    }
  }
}

}  // namespace

RunReport run_job(const planner::JobSpec& spec, const EngineOptions& options, ProgressBoard& board,
                  StopSignal& stop, const LogSink& log) {
  const auto started = std::chrono::steady_clock::now();
  sql::Connection connection(session_options(options, spec.schema, SessionRole::kCoordinator, log));
  refuse_if_needed(planner::check_server(connection.server_version()), log);
  refuse_read_only(connection);
  take_coordinator_lock(connection);

  RunReport report;
  planner::JobSpec effective = spec;
  effective.run = options.run;
  const auto job = open_job(effective, connection, log);
  if (!job) {
    report.outcome = RunOutcome::kAlreadyDone;
    report.finished = true;
    return report;
  }
  Ledger ledger(connection);
  report.job_id = job->job_id;
  report.resumed = job->resumed;
  show_where_we_are(*job, ledger, board);
  note(connection, job->job_id, "info", job->resumed ? "resumed" : "started");
  bool complete = false;
  try {
    complete = run_to_end(effective, *job, options, connection, board, stop, log);
  } catch (const std::exception& error) {
    note(connection, job->job_id, "error", error.what());
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
