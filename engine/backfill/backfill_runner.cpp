#include "engine/backfill/backfill_runner.hpp"

#include "engine/backfill/sampler.hpp"
#include "engine/control/run_control.hpp"
#include "engine/retry_policy.hpp"
#include "engine/sync_point.hpp"
#include "planner/backfill/batch_sql.hpp"
#include "planner/backfill/splitter.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace pgbackfill::engine {
namespace {

using planner::Method;
using planner::ReadOrder;

/// A sweep finds what moved or came while the pass before was under way; each finds less. That
/// many mean that somebody keeps writing rows without the column.
constexpr int kMaxRounds = 50;
/// The sweep from which on the server computes the values: its UPDATE waits for a row that is being
/// changed and takes the new version, while a copied batch passes such a row by.
constexpr int kFirstLateRound = 2;
/// How long the coordinator waits for a table that somebody keeps locked.
constexpr std::chrono::minutes kLockBudget{10};
/// How often it looks at what other processes have done.
constexpr std::chrono::seconds kLookInterval{1};
/// How often what was spent is written down; a killed run loses as much of it.
constexpr std::chrono::seconds kAccountInterval{2};
constexpr std::int64_t kWindowsPerRange = 8;
constexpr std::int64_t kRowsPerKeyRange = 100'000;
constexpr std::int64_t kKeySampleRows = 30'000;

std::vector<RangeRecord> records(const std::vector<planner::Bounds>& bounds) {
  std::vector<RangeRecord> ranges;
  for (const planner::Bounds& bound : bounds) {
    RangeRecord range;
    range.lower = bound.lower;
    range.upper = bound.upper;
    ranges.push_back(std::move(range));
  }
  return ranges;
}

std::int64_t rows_of(const std::vector<RangeRecord>& ranges) {
  std::int64_t rows = 0;
  for (const RangeRecord& range : ranges) rows += range.rows;
  return rows;
}

}  // namespace

BackfillRunner::BackfillRunner(const planner::JobSpec& spec, const planner::Plan& plan,
                               const EngineOptions& options, int job_id,
                               sql::Connection& coordinator, Throttle& throttle,
                               ProgressBoard& board, StopSignal& stop, LogSink log)
    : spec_(spec),
      plan_(plan),
      options_(options),
      job_id_(job_id),
      connection_(coordinator),
      ledger_(coordinator),
      processes_(coordinator, job_id),
      throttle_(throttle),
      board_(board),
      stop_(stop),
      log_(std::move(log)) {}

BackfillRunner::~BackfillRunner() = default;

bool BackfillRunner::run() {
  std::set<std::string> done;
  for (const StepRecord& record : ledger_.steps(job_id_)) {
    if (record.state == "done") done.insert(record.step_id);
  }
  std::vector<Table> tables;
  for (const planner::Step& step : plan_.steps) {
    if (step.kind != planner::StepKind::kBackfill) continue;
    Table table;
    table.step = &step;
    if (done.contains(step.id)) table.state = State::kDone;
    tables.push_back(std::move(table));
  }
  // Rows that the server refused are tried again: they or what refused them may be mended.
  ask("DELETE FROM pgbackfill.quarantine WHERE job_id = $1::integer AND sqlstate IS NOT NULL",
      {std::to_string(job_id_)});
  open_.clear();
  if (!drive(std::move(tables))) return false;
  report_refused();
  return true;
}

bool BackfillRunner::settle_quarantine() {
  const sql::Result steps = ask(
      "SELECT DISTINCT step_id FROM pgbackfill.quarantine WHERE job_id = $1::integer ORDER BY 1",
      {std::to_string(job_id_)});
  std::vector<std::string> ids;
  for (int row = 0; row < steps.rows(); ++row) ids.emplace_back(steps.text(row, 0));
  if (ids.empty()) return true;
  if (!sweep(ids)) return false;
  std::vector<std::string> lacking;
  for (const std::string& id : ids) {
    const planner::Step* step = plan_.step(id);
    if (step == nullptr || !step->backfill) continue;
    const std::int64_t pending = ask(planner::count_pending(*step->backfill)).integer(0, 0);
    if (pending > 0) lacking.push_back(fmt::format("{} {}", step->table, pending));
    if (pending > 0) continue;
    ask("DELETE FROM pgbackfill.quarantine WHERE job_id = $1::integer AND step_id = $2",
        {std::to_string(job_id_), id});
  }
  if (lacking.empty()) return true;
  throw std::runtime_error(fmt::format(
      "rows without a value are set aside in pgbackfill.quarantine, and NOT NULL cannot "
      "be set before they have one: {}. Give them one and run again",
      fmt::join(lacking, ", ")));
}

bool BackfillRunner::sweep(const std::vector<std::string>& step_ids) {
  std::vector<Table> tables;
  for (const std::string& id : step_ids) {
    Table table;
    table.step = plan_.step(id);
    table.sweep_only = true;
    if (table.step == nullptr || !table.step->backfill) continue;
    // A partition's rows may have gone with it since.
    const std::string& partition = table.step->partition;
    if (!partition.empty() && ask("SELECT to_regclass($1) IS NULL", {partition}).boolean(0, 0)) {
      continue;
    }
    tables.push_back(std::move(table));
  }
  return drive(std::move(tables));
}

bool BackfillRunner::drive(std::vector<Table> tables) {
  const auto unfinished = [](const Table& table) { return table.state != State::kDone; };
  if (std::none_of(tables.begin(), tables.end(), unfinished)) return true;
  wal_position_ = ledger_.wal_position();
  auto accounted = std::chrono::steady_clock::now();
  auto looked = accounted;
  Sampler sampler(connection_, job_id_, board_);
  WorkerPool pool(spec_, plan_, options_, job_id_, throttle_, board_, stop_, log_);
  while (!stop_.draining()) {
    start_ready(tables, pool);
    if (std::chrono::steady_clock::now() - looked > kLookInterval) {
      note_gone();
      look(tables, pool);
      looked = std::chrono::steady_clock::now();
    }
    if (std::chrono::steady_clock::now() - accounted > kAccountInterval) {
      account_wal();
      accounted = std::chrono::steady_clock::now();
    }
    sampler.look();
    if (std::none_of(tables.begin(), tables.end(), unfinished)) {
      sampler.end();
      return true;
    }
    PoolEvent event;
    if (!pool.wait(event, std::chrono::milliseconds(100))) continue;
    if (event.kind == PoolEvent::Kind::kFailed) std::rethrow_exception(event.error);
    for (Table& table : tables) {
      if (table.step->id != event.step_id || table.round.round != event.round) continue;
      if (--table.outstanding <= 0) look(tables, pool);
    }
  }
  sampler.end();
  return false;
}

void BackfillRunner::look(std::vector<Table>& tables, WorkerPool& pool) {
  for (const RoundProgress& round : processes_.open_rounds()) {
    for (Table& table : tables) {
      if (table.state != State::kRunning || table.step->id != round.step_id ||
          table.round.round != round.round)
        continue;
      board_.counted(round.step_id, round.rows, round.ranges - round.undone);
      table.outstanding = round.undone;
      if (round.undone == 0) advance(table, pool);
    }
  }
}

void BackfillRunner::note_gone() {
  const sql::Result gone = ask(std::string(sql::statement("ledger_gone")),
                               {std::to_string(job_id_), std::to_string(options_.process)});
  for (const ProcessRecord& process : gone_processes(gone)) {
    const std::string text = fmt::format(
        "the {} on {} (pid {}) has not been heard of for {:.0f} s; the others take its ranges over",
        process.role, process.host, process.pid, process.silent);
    log_(LogLevel::kWarning, text);
    ledger_.event(job_id_, "warning", text);
  }
}

void BackfillRunner::start_ready(std::vector<Table>& tables, WorkerPool& pool) {
  const auto done = [&](const std::string& id) {
    return std::none_of(tables.begin(), tables.end(), [&](const Table& table) {
      return table.step->id == id && table.state != State::kDone;
    });
  };
  // A table may complete at once (nothing to do) and so free another before it in the list.
  for (bool again = true; again && !stop_.draining();) {
    again = false;
    for (Table& table : tables) {
      if (table.state != State::kWaiting) continue;
      const auto& after = table.step->after;
      if (!std::all_of(after.begin(), after.end(), done)) continue;
      start(table, pool);
      again = again || table.state == State::kDone;
    }
  }
}

void BackfillRunner::start(Table& table, WorkerPool& pool) {
  const planner::TableBackfill& backfill = *table.step->backfill;
  if (!table.sweep_only && backfill.method == Method::kCatalog) {
    complete(table);
    return;
  }
  table.state = State::kRunning;
  const sql::Result begun = ask(std::string(sql::statement("ledger_begin_backfill")),
                                {std::to_string(job_id_), table.step->id, backfill.table.quoted(),
                                 table.sweep_only ? "false" : "true"});
  const int latest = static_cast<int>(begun.integer(0, 0));
  table.round = {table.step->id, latest, false, backfill.estimated_rows};
  table.data = data_path(backfill, table.round);
  auto ranges =
      latest >= 0 ? ledger_.ranges(job_id_, table.step->id, latest) : std::vector<RangeRecord>{};
  TableProgress progress;
  progress.step_id = table.step->id;
  progress.table = table.step->table;
  progress.estimated_rows = backfill.estimated_rows;
  for (int round = 0; round <= latest; ++round) {
    progress.rows += rows_of(ledger_.ranges(job_id_, table.step->id, round));
  }
  board_.table_started(progress);
  accounted_rows_[table.step->id] = progress.rows;
  if (latest < 0 && !table.sweep_only) {
    table.round.round = 0;
    ranges = ledger_.add_ranges(job_id_, table.step->id, 0, split(table, begun.integer(0, 1)));
  }
  start_round(table, pool, ranges);
}

void BackfillRunner::start_round(Table& table, WorkerPool& pool,
                                 const std::vector<RangeRecord>& ranges) {
  sync_point(SyncPoint::kRangesAdded);
  const auto total = static_cast<std::int64_t>(ranges.size());
  table.outstanding = std::count_if(ranges.begin(), ranges.end(),
                                    [](const RangeRecord& range) { return !range.done; });
  board_.round_started(table.step->id, table.round.round, total, total - table.outstanding);
  if (table.outstanding == 0) {
    advance(table, pool);
    return;
  }
  processes_.open_round(table.round);
  pool.look();
}

/// A round is over. One statement, hence one snapshot, tells whether any row still lacks its
/// value: rows that moved between the windows of a round are seen.
void BackfillRunner::advance(Table& table, WorkerPool& pool) {
  sync_point(SyncPoint::kRoundOver);
  const std::int64_t pending = ask(planner::count_pending(table.data)).integer(0, 0);
  if (pending == 0) {
    complete(table);
    return;
  }
  // A sweep of an earlier run says nothing: what it found without a value may have one now.
  if (table.swept &&
      ask(planner::count_computable(table.data)).integer(0, 0) <= set_aside(*table.step)) {
    leave_rest(table, pending);
    complete(table);
    return;
  }
  if (++table.sweeps > kMaxRounds) {
    throw std::runtime_error(fmt::format(
        "{}: still {} rows without a value after {} sweeps; something keeps writing them. Find "
        "it (a bulk load, a session with session_replication_role = replica?) and run again",
        table.data.table.display(), pending, kMaxRounds));
  }
  const int round = table.round.round + 1;
  // Only a copied batch can tell which of its rows the server refuses.
  const bool late = round >= kFirstLateRound && set_aside(*table.step) == 0;
  table.round = {table.step->id, round, late, static_cast<double>(pending)};
  table.data = data_path(*table.step->backfill, table.round);
  table.swept = true;
  const std::int64_t blocks = ask("SELECT pg_relation_size($1::regclass) / "
                                  "current_setting('block_size')::bigint",
                                  {table.data.table.quoted()})
                                  .integer(0, 0);
  start_round(table, pool,
              ledger_.add_ranges(job_id_, table.step->id, round, split(table, blocks)));
}

void BackfillRunner::account_wal() {
  std::map<std::string, std::int64_t> gained;
  std::int64_t all = 0;
  for (const TableProgress& table : board_.snapshot().tables) {
    std::int64_t& before = accounted_rows_[table.step_id];
    gained[table.step_id] = table.rows - before;
    all += table.rows - before;
    before = table.rows;
  }
  if (all == 0) return;
  std::map<std::string, double> shares;
  for (const auto& [step_id, rows] : gained) {
    if (rows > 0) shares[step_id] = static_cast<double>(rows) / static_cast<double>(all);
  }
  wal_position_ = ledger_.share_wal(job_id_, wal_position_, shares);
}

void BackfillRunner::complete(Table& table) {
  const bool written = table.state == State::kRunning;
  const bool done = !table.sweep_only && !open_.contains(table.step->id);
  table.state = State::kDone;
  if (written) account_wal();
  if (done) sync_point(SyncPoint::kBackfillComplete);
  if (written) {
    ask(std::string(sql::statement("ledger_end_backfill")),
        {std::to_string(job_id_), table.step->id, table.step->backfill->table.quoted(),
         done ? "true" : "false"});
  } else if (done) {
    ledger_.step_done(job_id_, table.step->id);
  }
  board_.table_ended(table.step->id);
  if (done) board_.step_ended(table.step->title, true);
}

/// Rows that no sweep could fill: their source has no value for them, or they were set aside.
void BackfillRunner::leave_rest(const Table& table, std::int64_t pending) {
  const planner::TableBackfill& backfill = table.data;
  if (refused() > 0) {
    // Others may lack their value only because these have none.
    keep_open(*table.step, pending);
    return;
  }
  const auto sets_aside = [](const planner::Assignment& assignment) {
    return assignment.otherwise.kind == planner::Otherwise::Kind::kQuarantine;
  };
  const std::string name = backfill.table.display();
  if (std::any_of(backfill.assignments.begin(), backfill.assignments.end(), sets_aside)) {
    ask(fmt::format("INSERT INTO pgbackfill.quarantine "
                    "(job_id, step_id, table_name, row_key, message) "
                    "SELECT $1::integer, $2, $3, {}, $4 FROM {} AS t WHERE {} "
                    "ON CONFLICT DO NOTHING",
                    planner::row_label(backfill), backfill.table.quoted(),
                    planner::pending_predicate(backfill)),
        {std::to_string(job_id_), table.step->id, name, "no value: the key is NULL or not found"});
    log_(LogLevel::kWarning,
         fmt::format("{}: {} rows have no value and are listed in pgbackfill.quarantine; NOT NULL "
                     "waits until they have one",
                     name, pending));
    return;
  }
  if (set_aside(*table.step) >= pending) return;
  const sql::Result keys = ask(planner::pending_keys(backfill, 5));
  std::vector<std::string> examples;
  for (int row = 0; row < keys.rows(); ++row) examples.emplace_back(keys.text(row, 0));
  throw std::runtime_error(fmt::format(
      "{}: {} rows have no value (key NULL or not found), for example {}. Give them one, or say "
      "in the migration file what they get (otherwise = …), and run again",
      name, pending, fmt::join(examples, "; ")));
}

void BackfillRunner::keep_open(const planner::Step& step, std::int64_t pending) {
  open_.insert(step.id);
  log_(LogLevel::kWarning, fmt::format("{}: {} row{} without a value, since rows are set aside",
                                       step.table, pending, pending == 1 ? " is" : "s are"));
}

void BackfillRunner::report_refused() {
  if (open_.empty()) return;
  const sql::Result rows = ask(
      "SELECT count(*) OVER (), table_name, row_key, sqlstate, message FROM pgbackfill.quarantine "
      "WHERE job_id = $1::integer AND sqlstate IS NOT NULL ORDER BY at LIMIT 1",
      {std::to_string(job_id_)});
  if (rows.rows() == 0) return;
  throw std::runtime_error(fmt::format(
      "{} row{} refused by the server and set aside in pgbackfill.quarantine, all others are done; "
      "the first is {} {}: {}: {}. Mend them or what refuses them, and run again",
      rows.integer(0, 0), rows.integer(0, 0) == 1 ? " was" : "s were", rows.text(0, 1),
      rows.text(0, 2), rows.text(0, 3), rows.text(0, 4)));
}

std::int64_t BackfillRunner::refused() {
  return ask("SELECT count(*) FROM pgbackfill.quarantine "
             "WHERE job_id = $1::integer AND sqlstate IS NOT NULL",
             {std::to_string(job_id_)})
      .integer(0, 0);
}

std::int64_t BackfillRunner::set_aside(const planner::Step& step) {
  return ask("SELECT count(*) FROM pgbackfill.quarantine "
             "WHERE job_id = $1::integer AND step_id = $2",
             {std::to_string(job_id_), step.id})
      .integer(0, 0);
}

sql::Result BackfillRunner::ask(const std::string& statement, const sql::Params& params) {
  Backoff backoff(std::chrono::milliseconds(100), std::chrono::milliseconds(5000),
                  std::random_device{}());
  const auto give_up = std::chrono::steady_clock::now() + kLockBudget;
  for (;;) {
    try {
      return connection_.execute(statement, params);
    } catch (const sql::Error& error) {
      const bool passes =
          classify(error.sqlstate(), error.connection_lost()) == Disposition::kRetry;
      if (!passes || std::chrono::steady_clock::now() > give_up) throw;
      log_(LogLevel::kWarning, fmt::format("{}; trying again", error.what()));
      if (!stop_.sleep(backoff.next())) throw;
    }
  }
}

std::vector<RangeRecord> BackfillRunner::split(const Table& table, std::int64_t blocks) {
  const planner::TableBackfill& data = table.data;
  if (data.order == ReadOrder::kKey) return split_by_key(data);
  const planner::RunOptions run = options_.control->settings();
  const BatchSizer sizer(run.batch_time, run.batch_rows);
  const planner::WindowShape shape = shape_of(data, table.round.late, run, sizer.rows());
  // Enough ranges that every worker gets several, none smaller than a window.
  const std::int64_t fair = blocks / (std::int64_t{run.workers} * 4);
  const std::int64_t per_range =
      std::clamp(fair, shape.blocks(), shape.blocks() * kWindowsPerRange);
  return records(
      planner::split_blocks(blocks, planner::even_share(blocks, per_range, run.workers)));
}

std::vector<RangeRecord> BackfillRunner::split_by_key(const planner::TableBackfill& data) {
  const auto wanted = static_cast<std::int64_t>(data.estimated_rows) / kRowsPerKeyRange + 1;
  const std::int64_t pieces = std::min(
      planner::kMaxRanges, data.estimated_rows < 10'000
                               ? 1
                               : std::max(wanted, std::int64_t{options_.control->workers()} * 4));
  const std::string& type = data.key.at(0).type;
  const bool integer = type == "integer" || type == "bigint" || type == "smallint";
  if (data.key.size() == 1 && integer) {
    const sql::Result extent = ask(planner::key_extent(data));
    if (extent.is_null(0, 0)) return {};
    return records(planner::split_integers(extent.integer(0, 0), extent.integer(0, 1), pieces));
  }
  const sql::Result keys = ask(planner::key_boundaries(data, pieces, kKeySampleRows));
  std::vector<std::vector<std::string>> boundaries;
  for (int row = 0; row < keys.rows(); ++row) {
    std::vector<std::string> key;
    for (int column = 0; column < keys.columns(); ++column) {
      key.emplace_back(keys.text(row, column));
    }
    boundaries.push_back(std::move(key));
  }
  return records(planner::split_at(boundaries));
}

}  // namespace pgbackfill::engine
