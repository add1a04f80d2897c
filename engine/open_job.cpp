#include "engine/open_job.hpp"

#include "engine/backup/backup.hpp"
#include "engine/opening.hpp"
#include "engine/sync_point.hpp"
#include "planner/file/migration_file.hpp"
#include "planner/plan/outlook.hpp"
#include "planner/preflight/parameters.hpp"
#include "planner/preflight/user_triggers.hpp"
#include "sql/catalog.hpp"

#include <fmt/format.h>

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

planner::Plan plan_afresh(const planner::JobSpec& spec, sql::Connection& connection,
                          const LogSink& log) {
  const sql::Catalog catalog = sql::read_catalog(connection);
  auto errors = planner::check_against_catalog(spec, catalog);
  if (!errors.empty()) throw planner::SpecErrors(std::move(errors));
  refuse_if_needed(planner::preflight(spec, catalog, connection), log);
  return planner::make_plan(spec, catalog, connection);
}

void refuse_another_file(const planner::JobSpec& spec, const JobRecord& job) {
  const auto lines = planner::canonical_lines(spec);
  if (planner::fingerprint(lines) == job.fingerprint) return;
  throw Refused(
      "the migration file is not the one that the unfinished job was started with; put it back, or "
      "finish that job first. What differs:" +
      difference_text(job, lines));
}

void refuse_half_rolled_back(const JobRecord& job) {
  if (job.state != "rolling back") return;
  const std::string to = job.rollback_to.empty() ? "" : " --to " + job.rollback_to;
  throw Refused(
      fmt::format("a rollback of job {} is half done; `pgbackfill rollback{}` must finish "
                  "first",
                  job.job_id, to));
}

/// What was found when the job was planned may have changed since, and so may [run].
void check_triggers_again(const planner::JobSpec& spec, const OpenJob& job, Ledger& ledger,
                          sql::Connection& connection, const LogSink& log) {
  std::set<std::string> done;
  for (const StepRecord& step : ledger.steps(job.job_id)) {
    if (step.state == "done") done.insert(step.step_id);
  }
  auto tables = planner::written_tables(job.plan, done);
  // A partition may be gone by now.
  std::vector<std::string> names;
  for (const planner::WrittenTable& table : tables) names.push_back(table.table.quoted());
  const auto there = connection
                         .execute(
                             "SELECT coalesce(array_agg(name), ARRAY[]::text[]) FROM "
                             "unnest($1::text[]) AS u (name) "
                             "WHERE to_regclass(name) IS NOT NULL",
                             {sql::text_array_literal(names)})
                         .text_array(0, 0);
  const std::set<std::string> standing(there.begin(), there.end());
  std::erase_if(tables, [&](const planner::WrittenTable& table) {
    return !standing.contains(table.table.quoted());
  });
  refuse_if_needed(
      planner::check_user_triggers(tables, spec.run.user_triggers, spec.schema, connection), log);
}

/// What the file asks for before the first change.
void back_up(const planner::JobSpec& spec, sql::Connection& connection, std::string& backup,
             const StopSignal& stop, const LogSink& log) {
  if (!backup.empty()) return;
  if (!spec.backup) {
    if (log) log(LogLevel::kInfo, "there is no [backup] in the migration file: none is made");
    return;
  }
  const auto made = make_backup(spec, connection, stop, log);
  if (!made) throw StoppedEarly{};
  backup = made->string();
}

}  // namespace

void check_session(sql::Connection& connection, const planner::RunOptions& run,
                   const LogSink& log) {
  refuse_if_needed(planner::check_server(connection.server_version()), log);
  refuse_read_only(connection);
  refuse_if_needed(planner::check_wal_compression(run.wal_compression, connection), log);
}

std::optional<OpenJob> open_job(const planner::JobSpec& spec, sql::Connection& connection,
                                std::string& backup, const StopSignal& stop, const LogSink& log) {
  const auto lines = planner::canonical_lines(spec);
  const std::string fingerprint = planner::fingerprint(lines);
  Ledger ledger(connection);
  if (ledger.exists()) {
    if (const auto job = ledger.latest_job()) {
      refuse_other_format(*job);
      refuse_half_rolled_back(*job);
      if (job->state == "finished" && job->fingerprint == fingerprint) return std::nullopt;
      if (job->state != "finished") {
        refuse_another_file(spec, *job);
        OpenJob resumed{job->job_id, ledger.plan(job->job_id), true, job->backup};
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

OpenJob open_started_job(const planner::JobSpec& spec, sql::Connection& connection,
                         const LogSink& log) {
  Ledger ledger(connection);
  const auto job = ledger.exists() ? ledger.latest_job() : std::nullopt;
  if (!job) {
    throw Refused("there is no job to join: no run has been started in this database");
  }
  refuse_other_format(*job);
  refuse_half_rolled_back(*job);
  if (job->state == "finished") {
    throw Refused(fmt::format("there is no job to join: job {} is finished", job->job_id));
  }
  refuse_another_file(spec, *job);
  OpenJob joined{job->job_id, ledger.plan(job->job_id), true, job->backup};
  check_triggers_again(spec, joined, ledger, connection, log);
  return joined;
}

void show_where_we_are(const OpenJob& job, Ledger& ledger, const EngineOptions& options,
                       ProgressBoard& board) {
  std::set<std::string> done;
  for (const StepRecord& step : ledger.steps(job.job_id)) {
    if (step.state == "done") done.insert(step.step_id);
  }
  std::int64_t rows = 0;
  for (const BackfillRecord& backfill : ledger.backfills(job.job_id, job.plan))
    rows += backfill.rows;
  double estimated = 0;
  for (const planner::Step& step : job.plan.steps) {
    if (step.backfill && step.backfill->method != planner::Method::kCatalog) {
      estimated += step.backfill->estimated_rows;
    }
  }
  board.job(static_cast<int>(job.plan.steps.size()), static_cast<int>(done.size()), estimated,
            rows);
  std::vector<Forecast::Expected> later;
  for (const planner::LongStep& step : planner::long_steps(job.plan)) {
    if (step.step->stage > options.until.value_or(planner::Stage::kFinish)) continue;
    if (done.contains(step.step->id)) continue;
    later.push_back({title_of(*step.step), step.step->table, step.step->stage, step.seconds});
  }
  board.expect(later, options.run.ddl_workers);
}

}  // namespace pgbackfill::engine
