#include "engine/backfill/batch_writer.hpp"

#include "engine/backfill/window_reader.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "engine/session.hpp"
#include "engine/sync_point.hpp"
#include "planner/backfill/batch_sql.hpp"
#include "planner/backfill/method_cost.hpp"
#include "sql/binary_codec.hpp"
#include "sql/copy_stream.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <cmath>

namespace pgbackfill::engine {
namespace {

using planner::Method;
using planner::ReadOrder;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How long one batch may go on failing for a reason that usually passes.
constexpr std::chrono::minutes kRetryBudget{10};
/// How often a full disk is looked at again, and spoken of again.
constexpr milliseconds kDiskInterval{2000};
constexpr std::chrono::minutes kAlarmInterval{1};
constexpr std::string_view kWrite = "pgbackfill_write";

std::string tid(std::int64_t block) { return fmt::format("({},0)", block); }

std::string literals(const sql::Params& params) {
  std::string list;
  for (const auto& param : params) {
    if (!list.empty()) list += ", ";
    list += param ? sql::quote_literal(*param) : "NULL";
  }
  return list;
}

/// How many rows a batch's time stands for: those sent, or those that a stretch of the table holds
/// which the server goes over.
std::int64_t rows_of(const Window& window, const Batch& batch) {
  const planner::TableBackfill& table = window.job->table;
  if (table.method == Method::kCopy) return static_cast<std::int64_t>(batch.rows.size());
  if (table.order == ReadOrder::kKey) return window.job->sizer.rows();
  const auto blocks = static_cast<double>(batch.upper_block - batch.lower_block);
  return std::llround(blocks * planner::rows_per_block(table) / window.shape.passes);
}

/// The server refuses a row, and the method does not know which.
bool must_isolate(const sql::Error& error, const TableJob& job) {
  return job.table.method != Method::kCopy &&
         classify(error.sqlstate(), error.connection_lost()) == Disposition::kIsolateRow;
}

}  // namespace

BatchWriter::BatchWriter(const EngineOptions& options, std::string_view schema, int job_id,
                         int index, Throttle& throttle, StopSignal& stop, ProgressBoard& board,
                         LogSink log)
    : job_id_(job_id),
      index_(index),
      control_(options.control),
      owner_(std::to_string(options.process)),
      lease_(std::to_string(options.lease.count())),
      max_quarantined_(options.run.max_quarantined),
      throttle_(throttle),
      stop_(stop),
      board_(board),
      log_(log),
      session_(session_options(options, schema, SessionRole::kWriter, log), stop, log),
      backoff_(milliseconds(50), milliseconds(5000), std::random_device{}()) {}

void BatchWriter::connect() noexcept {
  try {
    session_.get();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): write() tries again
  }
}

WriteOutcome BatchWriter::write(const Window& window) {
  const std::vector<Batch> batches = make_batches(window, rows_of_batch(*window.job));
  std::deque<Batch> pending(batches.begin(), batches.end());
  bool marked = false;
  int changes = control_->changes();
  while (!pending.empty()) {
    if (stop_.draining() || !throttle_.pass(index_)) return WriteOutcome::kStopped;
    if (parked()) return WriteOutcome::kParked;
    if (changes != control_->changes()) {
      changes = control_->changes();
      split_to(pending, rows_of_batch(*window.job));
    }
    const bool final = pending.size() == 1;
    try {
      Throttle::Turn turn = throttle_.turn();
      if (!turn) return WriteOutcome::kStopped;
      const auto started = Clock::now();
      sync_point(SyncPoint::kBatchBeforeCopy);
      const auto changed = run(window, pending.front(), {final, final && window.last});
      if (!changed) return WriteOutcome::kLost;
      sync_point(SyncPoint::kBatchCommitted);
      board_.batch(window.job->step_id, changed->rows, changed->hot);
      const bool waited = failing_since_.has_value();
      const auto took =
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started);
      if (!waited) {
        window.job->sizer.measured(rows_of(window, pending.front()), took);
      }
      board_.batch_took(took);
      failing_since_.reset();
      backoff_.reset();
      pending.pop_front();
      marked = final;
      turn.end();
      throttle_.rest(took);
    } catch (const sql::Error& error) {
      if (stop_.cancelling()) return WriteOutcome::kStopped;
      if (must_isolate(error, *window.job)) {
        session_.roll_back();
        return write_isolating(window);
      }
      handle(error, window, pending);
    }
  }
  while (!marked && window.last) {
    try {
      if (!mark(window)) return WriteOutcome::kLost;
      marked = true;
    } catch (const sql::Error& error) {
      if (stop_.draining()) return WriteOutcome::kStopped;
      handle(error, window, pending);
    }
  }
  return WriteOutcome::kWritten;
}

std::int64_t BatchWriter::rows_of_batch(TableJob& job) const {
  const planner::RunOptions run = control_->settings();
  job.sizer.aim(run.batch_time, run.batch_rows);
  const auto rows = static_cast<double>(job.sizer.rows()) * throttle_.share();
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(rows));
}

sql::Connection& BatchWriter::session(const TableJob& job) {
  sql::Connection& connection = session_.get();
  if (prepared_ != &job || prepared_on_ != session_.generation()) prepare_for(job, connection);
  return connection;
}

void BatchWriter::prepare_for(const TableJob& job, sql::Connection& connection) {
  const planner::TableBackfill& table = job.table;
  prepared_ = nullptr;
  step_back_first(connection);
  // By key a copied batch must go from the stage into the key's index; by tid it must scan its tid
  // range (that prunes) and hash the stage, never fetch tid by tid. The generic plan knows too
  // little of the range to choose how an update joins its source.
  const bool copies = table.method == Method::kCopy;
  const bool by_key =
      job.late || (copies ? planner::finds_by_key(table) : !planner::hashes_source(table));
  connection.execute(fmt::format("SET enable_nestloop = {}; SET enable_hashjoin = {}",
                                 by_key ? "on" : "off", by_key ? "off" : "on"));
  if (copies) {
    connection.execute(planner::stage_ddl(table));
    connection.prepare(kWrite, planner::write_copied(table));
  } else if (table.order == ReadOrder::kBlock) {
    connection.prepare(
        kWrite, job.late ? planner::write_moving(table) : planner::write_computed_blocks(table));
  }
  prepared_ = &job;
  prepared_on_ = session_.generation();
}

std::optional<BatchWriter::Changed> BatchWriter::run(const Window& window, const Batch& batch,
                                                     Checkpoint checkpoint) {
  sql::Params ledger{std::to_string(window.range_id),
                     std::to_string(batch.rows.size()),
                     std::nullopt,
                     checkpoint.range_done ? "done" : "running",
                     owner_,
                     lease_};
  if (checkpoint.moves && !window.cursor.empty()) {
    ledger[2] = sql::text_array_literal(window.cursor);
  }
  sql::Connection& connection = session(*window.job);
  const sql::Result changed = send(connection, window, batch, ledger);
  if (changed.rows() == 1) {
    Changed rows{changed.integer(0, 0), std::nullopt};
    if (!changed.is_null(0, 1)) rows.hot = changed.integer(0, 1);
    return rows;
  }
  if (lost(window)) return std::nullopt;
  return Changed{};
}

bool BatchWriter::lost(const Window& window) {
  switch (ProcessLedger::state_of(session(*window.job), window.range_id, owner_)) {
    case RangeState::kMissing:
      throw std::runtime_error(fmt::format(
          "range {} of {} is gone from the ledger; was schema pgbackfill changed by hand?",
          window.range_id, window.job->table.table.display()));
    case RangeState::kOursDone:
      // The answer to its last batch was lost.
      return !window.last;
    default:
      return true;
  }
}

sql::Result BatchWriter::send(sql::Connection& connection, const Window& window, const Batch& batch,
                              const sql::Params& ledger) {
  const planner::TableBackfill& table = window.job->table;
  if (table.method == Method::kUpdate && table.order == ReadOrder::kKey) {
    return connection.execute(
        planner::write_computed_keys(table, window.bounds, window.after_lower), ledger);
  }
  sql::Params params = ledger;
  if (table.method == Method::kUpdate) {
    params.insert(params.end(), {tid(batch.lower_block), tid(batch.upper_block)});
    if (!window.job->late) {
      params.insert(params.end(),
                    {std::to_string(window.shape.passes), std::to_string(batch.pass)});
    }
    return connection.execute_prepared(kWrite, params);
  }
  if (!planner::finds_by_key(table)) {
    params.insert(params.end(), {tid(batch.lower_block), tid(batch.upper_block)});
  }
  return send_copied(connection, window, batch, params);
}

/// The whole transaction as one message to the server, so that a batch costs one round trip.
sql::Result BatchWriter::send_copied(sql::Connection& connection, const Window& window,
                                     const Batch& batch, const sql::Params& params) {
  buffer_.assign(sql::kCopyHeader);
  for (const std::uint32_t index : batch.rows) {
    const WindowRow& row = window.rows[index];
    buffer_.append(window.payload, row.offset, row.length);
  }
  buffer_.append(sql::kCopyTrailer);
  sql::CopyIn copy = connection.copy_in(fmt::format("BEGIN; {}; EXECUTE {} ({}); COMMIT",
                                                    planner::stage_copy(window.job->table), kWrite,
                                                    literals(params)));
  const std::string_view data = buffer_;
  copy.put(data.substr(0, data.size() / 2));
  sync_point(SyncPoint::kBatchInCopy);
  copy.put(data.substr(data.size() / 2));
  copy.end();
  sync_point(SyncPoint::kBatchSent);
  std::vector<sql::Result> results = copy.finish();
  const std::int64_t taken = results.front().affected();
  if (taken != static_cast<std::int64_t>(batch.rows.size())) {
    throw std::runtime_error(
        fmt::format("COPY into the stage took {} of {} rows", taken, batch.rows.size()));
  }
  return std::move(results.at(1));
}

bool BatchWriter::mark(const Window& window) {
  const sql::Result marked =
      session(*window.job)
          .execute(
              "UPDATE pgbackfill.range SET state = 'done', cursor = coalesce($3::text[], cursor) "
              "WHERE range_id = $1::bigint AND owner = $2::bigint AND state <> 'done'",
              {std::to_string(window.range_id), owner_,
               window.cursor.empty() ? std::nullopt
                                     : std::optional(sql::text_array_literal(window.cursor))});
  return marked.affected() == 1 || !lost(window);
}

void BatchWriter::handle(const sql::Error& error, const Window& window,
                         std::deque<Batch>& pending) {
  session_.roll_back();
  const Disposition disposition = classify(error.sqlstate(), error.connection_lost());
  switch (disposition) {
    case Disposition::kShrink:
      if (split_front(pending)) return;
      break;
    case Disposition::kIsolateRow:
      if (pending.empty()) throw error;
      if (!split_front(pending)) {
        quarantine(error, window, pending.front());
        pending.pop_front();
      }
      return;
    case Disposition::kFail:
      throw error;
    default:
      break;
  }
  pause(error, disposition);
}

/// In windows of its own, since it knows no rows yet. Where the window ends its range, so does the
/// last of them.
WriteOutcome BatchWriter::write_isolating(const Window& window) {
  RangeRecord range;
  range.range_id = window.range_id;
  range.lower = window.bounds.lower;
  range.upper = window.bounds.upper;
  ReadPosition position({TableJob::copying(*window.job), std::move(range)});
  position.after_lower = window.after_lower;
  planner::RunOptions run;
  run.passes = 1;
  std::deque<Batch> none;
  while (!position.exhausted) {
    if (stop_.draining()) return WriteOutcome::kStopped;
    if (parked()) return WriteOutcome::kParked;
    try {
      const auto part = read_window(session_.get(), position, run);
      part->last = part->last && window.last;
      const WriteOutcome outcome = write(*part);
      if (outcome != WriteOutcome::kWritten) return outcome;
    } catch (const sql::Error& error) {
      if (stop_.cancelling()) return WriteOutcome::kStopped;
      handle(error, window, none);
    }
  }
  return WriteOutcome::kWritten;
}

bool BatchWriter::split_front(std::deque<Batch>& pending) const {
  if (pending.empty() || pending.front().rows.size() < 2) return false;
  Batch& whole = pending.front();
  Batch first = whole;
  const auto middle = static_cast<std::ptrdiff_t>(whole.rows.size() / 2);
  first.rows.assign(whole.rows.begin(), whole.rows.begin() + middle);
  whole.rows.erase(whole.rows.begin(), whole.rows.begin() + middle);
  pending.push_front(std::move(first));
  return true;
}

void BatchWriter::split_to(std::deque<Batch>& pending, std::int64_t rows) const {
  std::deque<Batch> pieces;
  while (!pending.empty()) {
    while (static_cast<std::int64_t>(pending.front().rows.size()) > rows && split_front(pending)) {
    }
    pieces.push_back(std::move(pending.front()));
    pending.pop_front();
  }
  pending = std::move(pieces);
}

void BatchWriter::quarantine(const sql::Error& error, const Window& window, const Batch& batch) {
  const WindowRow& row = window.rows[batch.rows.front()];
  sql::Connection& connection = session(*window.job);
  const std::string job(std::to_string(job_id_));
  connection.execute(
      fmt::format("INSERT INTO pgbackfill.quarantine "
                  "(job_id, step_id, table_name, row_key, sqlstate, message) "
                  "SELECT $1::integer, $2, $3, {}, $4, $5 FROM {} AS t WHERE t.ctid = $6::tid "
                  "AND EXISTS (SELECT FROM pgbackfill.range "
                  "WHERE range_id = $7::bigint AND owner = $8::bigint) "
                  "ON CONFLICT DO NOTHING",
                  planner::row_label(window.job->table), window.job->table.table.quoted()),
      {job, window.job->step_id, window.job->table.table.display(), std::string(error.sqlstate()),
       error.diagnostics().message, fmt::format("({},{})", row.block, row.line),
       std::to_string(window.range_id), owner_});
  const std::string name = window.job->table.table.display();
  log_(LogLevel::kWarning,
       fmt::format("{}: a row is set aside in pgbackfill.quarantine: {}", name, error.what()));
  const sql::Result rejected = connection.execute(
      "SELECT count(*), (array_agg(row_key ORDER BY at DESC))[1] FROM pgbackfill.quarantine "
      "WHERE job_id = $1::integer AND sqlstate IS NOT NULL",
      {job});
  const std::int64_t count = rejected.integer(0, 0);
  if (count <= max_quarantined_) return;
  throw std::runtime_error(fmt::format(
      "{}: the server refuses to change row {}: {}: {}. {} row{} set aside in "
      "pgbackfill.quarantine, max_quarantined is {}. Mend the row or what refuses it and run "
      "again, "
      "or raise max_quarantined",
      name, rejected.optional_text(0, 1).value_or("?"), error.sqlstate(),
      error.diagnostics().message, count, count == 1 ? " is" : "s are", max_quarantined_));
}

void BatchWriter::pause(const sql::Error& error, Disposition disposition) {
  const auto now = Clock::now();
  const bool full_disk = disposition == Disposition::kPause;
  const bool first = !failing_since_;
  if (first) failing_since_ = now;
  if (!full_disk && now - *failing_since_ > kRetryBudget) throw error;
  if (full_disk ? first || now - alarmed_ > kAlarmInterval : first) {
    alarmed_ = now;
    log_(full_disk ? LogLevel::kError : LogLevel::kWarning,
         fmt::format("{}{}", error.what(),
                     full_disk ? "; waiting for room on the server's disk" : "; trying again"));
  }
  stop_.sleep(full_disk ? kDiskInterval : backoff_.next());
}

}  // namespace pgbackfill::engine
