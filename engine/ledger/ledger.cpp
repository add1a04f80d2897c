#include "engine/ledger/ledger.hpp"

#include "sql/statements.hpp"

#include <fmt/format.h>

#include <array>

namespace pgbackfill::engine {
namespace {

constexpr std::string_view kDependentObjects = "2BP01";

/// Empty where the range is open.
std::string bound(const std::vector<std::string>& values) {
  return values.empty() ? std::string() : sql::text_array_literal(values);
}

std::vector<std::string> array_or_empty(const sql::Result& result, int row, int column) {
  if (result.is_null(row, column)) return {};
  return result.text_array(row, column);
}

std::optional<TableSize> read_size(const sql::Result& result, int row, int column) {
  if (result.is_null(row, column) || result.is_null(row, column + 1)) return std::nullopt;
  return TableSize{result.integer(row, column), result.integer(row, column + 1)};
}

std::string joined(const std::vector<std::string>& statements) {
  std::string text;
  for (const std::string& statement : statements) {
    text += statement;
    text += text.ends_with(';') ? "\n" : ";\n";
  }
  return text;
}

}  // namespace

RangeRecord read_range(const sql::Result& result, int row) {
  RangeRecord range;
  range.range_id = result.integer(row, 0);
  range.round = static_cast<int>(result.integer(row, 1));
  range.lower = array_or_empty(result, row, 2);
  range.upper = array_or_empty(result, row, 3);
  range.cursor = array_or_empty(result, row, 4);
  range.done = result.text(row, 5) == "done";
  range.rows = result.integer(row, 6);
  range.found = result.integer(row, 7);
  return range;
}

namespace {

std::vector<RangeRecord> read_ranges(const sql::Result& result) {
  std::vector<RangeRecord> ranges;
  for (int row = 0; row < result.rows(); ++row) ranges.push_back(read_range(result, row));
  return ranges;
}

}  // namespace

bool Ledger::exists() {
  return connection_.execute("SELECT to_regclass('pgbackfill.job') IS NOT NULL").boolean(0, 0);
}

void Ledger::create() {
  sql::Transaction transaction(connection_);
  connection_.execute(sql::statement("ledger_schema"));
  transaction.commit();
}

std::optional<JobRecord> Ledger::latest_job() {
  const sql::Result result = connection_.execute(sql::statement("ledger_latest_job"));
  if (result.rows() == 0) return std::nullopt;
  JobRecord job;
  job.job_id = static_cast<int>(result.integer(0, 0));
  job.format = static_cast<int>(result.integer(0, 1));
  job.fingerprint = result.text(0, 2);
  job.spec = result.text_array(0, 3);
  job.state = result.text(0, 4);
  job.created = result.text(0, 5);
  job.finished = result.optional_text(0, 6).value_or("");
  job.throttle = result.optional_text(0, 7).value_or("");
  job.rollback_to = result.text(0, 8);
  job.backup = result.optional_text(0, 9).value_or("");
  return job;
}

planner::Plan Ledger::plan(int job_id) {
  return planner::plan_from_json(
      connection_
          .execute("SELECT plan FROM pgbackfill.job WHERE job_id = $1::integer",
                   {std::to_string(job_id)})
          .text(0, 0));
}

planner::Plan Ledger::outline(int job_id) {
  return planner::plan_from_json(
      connection_.execute(sql::statement("ledger_outline"), {std::to_string(job_id)}).text(0, 0));
}

int Ledger::create_job(const std::string& fingerprint, const std::vector<std::string>& spec,
                       const planner::Plan& plan, const std::string& backup) {
  sql::Transaction transaction(connection_);
  const sql::Result job = connection_.execute(
      "INSERT INTO pgbackfill.job (format, fingerprint, spec, plan, outline, backup) "
      "VALUES ($1::integer, $2, $3::text[], $4, $5, nullif($6, '')) RETURNING job_id",
      {std::to_string(kLedgerFormat), fingerprint, sql::text_array_literal(spec),
       planner::to_json(plan), planner::to_json(planner::outline(plan)), backup});
  const int job_id = static_cast<int>(job.integer(0, 0));
  add_steps(job_id, plan);
  transaction.commit();
  return job_id;
}

void Ledger::replace_plan(int job_id, const planner::Plan& plan) {
  sql::Transaction transaction(connection_);
  connection_.execute(
      "UPDATE pgbackfill.job SET plan = $2, outline = $3 WHERE job_id = $1::integer",
      {std::to_string(job_id), planner::to_json(plan), planner::to_json(planner::outline(plan))});
  add_steps(job_id, plan);
  transaction.commit();
}

void Ledger::add_steps(int job_id, const planner::Plan& plan) {
  std::array<std::vector<std::string>, 5> columns;
  for (const planner::Step& step : plan.steps) {
    columns[0].push_back(step.id);
    columns[1].emplace_back(planner::to_string(step.stage));
    columns[2].push_back(step.table);
    columns[3].push_back(step.title);
    columns[4].push_back(joined(step.sql));
  }
  sql::Params params{std::to_string(job_id)};
  for (const auto& column : columns) params.emplace_back(sql::text_array_literal(column));
  connection_.execute(sql::statement("ledger_add_steps"), params);
}

void Ledger::finish_job(int job_id) {
  connection_.execute(
      "UPDATE pgbackfill.job SET state = 'finished', finished = clock_timestamp() "
      "WHERE job_id = $1::integer",
      {std::to_string(job_id)});
}

void Ledger::begin_rollback(int job_id, std::string_view to) {
  connection_.execute(
      "UPDATE pgbackfill.job SET state = 'rolling back', rollback_to = nullif($2, ''), "
      "finished = NULL, throttle = NULL WHERE job_id = $1::integer",
      {std::to_string(job_id), std::string(to)});
}

void Ledger::end_rollback(int job_id) {
  connection_.execute(
      "UPDATE pgbackfill.job SET state = 'running', rollback_to = NULL WHERE job_id = $1::integer",
      {std::to_string(job_id)});
}

std::optional<std::string> Ledger::remove_job(int job_id) {
  const bool only = connection_
                        .execute(
                            "SELECT NOT EXISTS (SELECT FROM pgbackfill.job WHERE job_id <> "
                            "$1::integer)",
                            {std::to_string(job_id)})
                        .boolean(0, 0);
  std::optional<std::string> kept;
  if (only) {
    try {
      sql::Transaction transaction(connection_);
      connection_.execute(sql::statement("ledger_drop"));
      transaction.commit();
      return std::nullopt;
    } catch (const sql::Error& error) {
      if (error.sqlstate() != kDependentObjects) throw;
      kept = error.diagnostics().detail;
    }
  }
  connection_.execute("DELETE FROM pgbackfill.job WHERE job_id = $1::integer",
                      {std::to_string(job_id)});
  return kept;
}

void Ledger::throttled(int job_id, std::string_view reason) {
  connection_.execute(
      "UPDATE pgbackfill.job SET throttle = nullif($2, '') WHERE job_id = $1::integer",
      {std::to_string(job_id), std::string(reason)});
}

std::vector<StepRecord> Ledger::steps(int job_id) {
  const sql::Result result =
      connection_.execute(sql::statement("ledger_steps"), {std::to_string(job_id)});
  std::vector<StepRecord> steps;
  for (int row = 0; row < result.rows(); ++row) {
    StepRecord step;
    step.step_id = result.text(row, 0);
    step.stage = result.text(row, 1);
    step.table = result.text(row, 2);
    step.title = result.text(row, 3);
    step.state = result.text(row, 4);
    step.started = result.optional_text(row, 5).value_or("");
    step.finished = result.optional_text(row, 6).value_or("");
    step.seconds = result.real(row, 7);
    step.error = result.optional_text(row, 8).value_or("");
    step.rows = result.integer(row, 9);
    step.ours = result.boolean(row, 10);
    steps.push_back(std::move(step));
  }
  return steps;
}

void Ledger::step_running(int job_id, std::string_view step_id, bool alone) {
  connection_.execute(
      "UPDATE pgbackfill.step SET state = 'running', error = NULL, ours = ours OR $3::boolean, "
      "started = clock_timestamp() WHERE job_id = $1::integer AND step_id = $2",
      {std::to_string(job_id), std::string(step_id), alone ? "true" : "false"});
}

void Ledger::step_found_done(int job_id, std::string_view step_id) {
  connection_.execute(
      "UPDATE pgbackfill.step SET state = 'done', error = NULL, finished = clock_timestamp(), "
      "started = coalesce(started, clock_timestamp()) "
      "WHERE job_id = $1::integer AND step_id = $2",
      {std::to_string(job_id), std::string(step_id)});
}

bool Ledger::step_pending(int job_id, std::string_view step_id) {
  return connection_
      .execute(
          "SELECT EXISTS (SELECT FROM pgbackfill.step WHERE job_id = $1::integer AND step_id = $2 "
          "AND state = 'pending')",
          {std::to_string(job_id), std::string(step_id)})
      .boolean(0, 0);
}

void Ledger::step_taken_back(int job_id, std::string_view step_id) {
  connection_.execute(sql::statement("ledger_step_taken_back"),
                      {std::to_string(job_id), std::string(step_id)});
}

void Ledger::step_done(int job_id, std::string_view step_id) {
  connection_.execute(
      "UPDATE pgbackfill.step SET state = 'done', error = NULL, finished = clock_timestamp(), "
      "started = coalesce(started, clock_timestamp()), ours = true, open_round = NULL "
      "WHERE job_id = $1::integer AND step_id = $2",
      {std::to_string(job_id), std::string(step_id)});
}

void Ledger::steps_done(int job_id, const std::vector<std::string>& step_ids) {
  connection_.execute(
      "UPDATE pgbackfill.step SET state = 'done', error = NULL, started = now(), "
      "finished = clock_timestamp(), ours = true "
      "WHERE job_id = $1::integer AND step_id = ANY($2::text[])",
      {std::to_string(job_id), sql::text_array_literal(step_ids)});
}

void Ledger::add_step_rows(int job_id, std::string_view step_id, std::int64_t rows) {
  connection_.execute(
      "UPDATE pgbackfill.step SET rows = rows + $3::bigint "
      "WHERE job_id = $1::integer AND step_id = $2",
      {std::to_string(job_id), std::string(step_id), std::to_string(rows)});
}

void Ledger::step_failed(int job_id, std::string_view step_id, std::string_view error) {
  connection_.execute(
      "UPDATE pgbackfill.step SET state = 'failed', error = $3 "
      "WHERE job_id = $1::integer AND step_id = $2",
      {std::to_string(job_id), std::string(step_id), std::string(error)});
}

std::vector<RangeRecord> Ledger::ranges(int job_id, std::string_view step_id, int round) {
  return read_ranges(
      connection_.execute(sql::statement("ledger_ranges"),
                          {std::to_string(job_id), std::string(step_id), std::to_string(round)}));
}

std::vector<RangeRecord> Ledger::add_ranges(int job_id, std::string_view step_id, int round,
                                            const std::vector<RangeRecord>& ranges) {
  std::vector<std::string> lower;
  std::vector<std::string> upper;
  for (const RangeRecord& range : ranges) {
    lower.push_back(bound(range.lower));
    upper.push_back(bound(range.upper));
  }
  return read_ranges(
      connection_.execute(sql::statement("ledger_add_ranges"),
                          {std::to_string(job_id), std::string(step_id), std::to_string(round),
                           sql::text_array_literal(lower), sql::text_array_literal(upper)}));
}

std::int64_t Ledger::wal_position() {
  return connection_.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").integer(0, 0);
}

std::int64_t Ledger::share_wal(int job_id, std::int64_t since,
                               const std::map<std::string, double>& shares) {
  std::vector<std::string> steps;
  std::vector<std::string> parts;
  for (const auto& [step_id, share] : shares) {
    steps.push_back(step_id);
    parts.push_back(fmt::format("{}", share));
  }
  return connection_
      .execute(sql::statement("ledger_share_wal"),
               {std::to_string(job_id), std::to_string(since), sql::text_array_literal(steps),
                sql::text_array_literal(parts)})
      .integer(0, 0);
}

void Ledger::add_stage_wal(int job_id, std::string_view stage, std::int64_t bytes) {
  connection_.execute(
      "INSERT INTO pgbackfill.stage AS s (job_id, stage, wal_bytes) "
      "VALUES ($1::integer, $2, $3::bigint) "
      "ON CONFLICT (job_id, stage) DO UPDATE SET wal_bytes = s.wal_bytes + excluded.wal_bytes",
      {std::to_string(job_id), std::string(stage), std::to_string(bytes)});
}

std::vector<StageWal> Ledger::stage_wal(int job_id) {
  const sql::Result result = connection_.execute(
      "SELECT stage, wal_bytes FROM pgbackfill.stage WHERE job_id = $1::integer",
      {std::to_string(job_id)});
  std::vector<StageWal> stages;
  for (int row = 0; row < result.rows(); ++row) {
    stages.push_back({std::string(result.text(row, 0)), result.integer(row, 1)});
  }
  return stages;
}

std::vector<BackfillRecord> Ledger::backfills(int job_id, const planner::Plan& plan) {
  const sql::Result result =
      connection_.execute(sql::statement("ledger_backfills"), {std::to_string(job_id)});
  std::vector<BackfillRecord> records;
  for (int row = 0; row < result.rows(); ++row) {
    const planner::Step* step = plan.step(result.text(row, 0));
    if (step == nullptr || !step->backfill) continue;
    BackfillRecord record;
    record.step_id = step->id;
    record.table = step->table;
    record.method = planner::to_string(step->backfill->method);
    record.estimated_rows = step->backfill->estimated_rows;
    record.rows = result.integer(row, 1);
    record.batches = result.integer(row, 2);
    record.ranges = result.integer(row, 3);
    record.ranges_done = result.integer(row, 4);
    record.rounds = static_cast<int>(result.integer(row, 5));
    record.quarantined = result.integer(row, 6);
    if (!result.is_null(row, 7)) record.hot = result.integer(row, 7);
    record.wal_bytes = result.integer(row, 8);
    record.before = read_size(result, row, 9);
    record.after = read_size(result, row, 11);
    records.push_back(std::move(record));
  }
  return records;
}

std::vector<FillRecord> Ledger::fills() {
  const sql::Result result = connection_.execute(sql::statement("ledger_fills"));
  std::vector<FillRecord> fills;
  for (int row = 0; row < result.rows(); ++row) {
    FillRecord fill;
    fill.table = result.text(row, 0);
    fill.column = result.text(row, 1);
    fill.rows = result.integer(row, 2);
    fill.since = result.text(row, 3);
    if (!result.is_null(row, 4)) fill.last = result.real(row, 4);
    fill.quiet = result.real(row, 5);
    fills.push_back(std::move(fill));
  }
  return fills;
}

std::vector<EventRecord> Ledger::events(int job_id, int limit) {
  const sql::Result result = connection_.execute(
      "SELECT at, level, message FROM (SELECT event_id, at, level, message FROM pgbackfill.event "
      "WHERE job_id = $1::integer ORDER BY event_id DESC LIMIT $2::integer) AS newest "
      "ORDER BY event_id",
      {std::to_string(job_id), std::to_string(limit)});
  std::vector<EventRecord> events;
  for (int row = 0; row < result.rows(); ++row) {
    events.push_back({std::string(result.text(row, 0)), std::string(result.text(row, 1)),
                      std::string(result.text(row, 2))});
  }
  return events;
}

void Ledger::event(int job_id, std::string_view level, std::string_view message) {
  connection_.execute(
      "INSERT INTO pgbackfill.event (job_id, level, message) VALUES ($1::integer, $2, $3)",
      {std::to_string(job_id), std::string(level), std::string(message)});
}

}  // namespace pgbackfill::engine
