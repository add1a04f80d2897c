#include "engine/ddl/ddl_runner.hpp"

#include "engine/retry_policy.hpp"
#include "engine/sync_point.hpp"
#include "planner/preflight/user_triggers.hpp"
#include "sql/copy_stream.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::engine {
namespace {

using planner::StepKind;
using std::chrono::milliseconds;

/// With a lock_timeout of seconds this is tens of minutes of a table that is never free.
constexpr int kMaxAttempts = 200;

/// Comparisons of one table in a row that find something to mend.
constexpr int kMaxComparisons = 50;
/// Rows mended in one transaction, which locks them: at most, and until their time is known. An
/// application that runs into a deadlock with it is spared as long as it is over before the
/// server looks (see step_back_first).
constexpr std::int64_t kMostRowsPerMend = 500;
constexpr std::int64_t kFirstRowsPerMend = 50;

bool violates_not_null(const sql::Error& error) {
  return error.sqlstate() == "23514" || error.sqlstate() == "23502";
}

std::string copy_field(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    switch (c) {
      case '\\':
        escaped += "\\\\";
        break;
      case '\t':
        escaped += "\\t";
        break;
      case '\n':
        escaped += "\\n";
        break;
      case '\r':
        escaped += "\\r";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

bool table_gone(sql::Connection& connection, const planner::Step& step) {
  if (step.table.empty()) return false;
  return connection
      .execute(fmt::format("SELECT to_regclass({}) IS NULL", sql::quote_literal(step.table)))
      .boolean(0, 0);
}

bool holds(sql::Connection& connection, const std::string& probe) {
  const sql::Result result = connection.execute(probe);
  return result.rows() > 0 && !result.is_null(0, 0) && result.boolean(0, 0);
}

DdlRunner::DdlRunner(const planner::JobSpec& spec, const EngineOptions& options,
                     std::string_view schema, int job_id, StopSignal& stop, LogSink log)
    : spec_(spec),
      job_id_(job_id),
      skips_triggers_(options.run.user_triggers == planner::UserTriggers::kSkip),
      control_(control_of(options)),
      first_lock_timeout_(options.run.lock_timeout),
      stop_(stop),
      log_(log),
      session_(session_options(options, schema, SessionRole::kDdl, log), stop, log),
      backoff_(milliseconds(100), milliseconds(5000), std::random_device{}()),
      mend_sizer_(options.run.batch_time, options.run.batch_rows) {}

template <typename Try>
StepOutcome DdlRunner::persist(const planner::Step& step, const planner::Step& recorded,
                               Try attempt) {
  attempts_ = 0;
  backoff_.reset();
  // A step that must try again waits as one that has not begun.
  while (control_->pass(stop_)) {
    try {
      follow_settings();
      return attempt();
    } catch (const sql::Error& error) {
      session_.roll_back();
      if (stop_.cancelling()) break;
      if (retry(error, step)) continue;
      Ledger(session_.get()).step_failed(job_id_, recorded.id, error.what());
      throw;
    }
  }
  return StepOutcome::kStopped;
}

StepOutcome DdlRunner::run(const planner::Step& step, bool may_sweep) {
  return persist(step, step, [&] { return attempt(step, may_sweep); });
}

StepOutcome DdlRunner::take_back(const planner::Step& step, bool ours) {
  if (ours && table_gone(session_.get(), step)) {
    log_(LogLevel::kWarning,
         fmt::format("{}: the table is gone, and with it what there was to take back", step.table));
    ours = false;
  }
  if (ours) {
    for (const planner::Step& part : step.undo) {
      log_(LogLevel::kInfo, title_of(part));
      const StepOutcome outcome = persist(part, step, [&] { return attempt(part, false); });
      if (outcome != StepOutcome::kDone) return outcome;
    }
  }
  return persist(step, step, [&] { return attempt_back(step, ours); });
}

StepOutcome DdlRunner::attempt(const planner::Step& step, bool may_sweep) {
  Ledger ledger(session_.get());
  sync_point(SyncPoint::kStepBeforeProbe);
  if (!step.probe.empty() && holds(session_.get(), step.probe)) {
    ledger.step_found_done(job_id_, step.id);
    return StepOutcome::kDone;
  }
  ledger.step_running(job_id_, step.id, step.kind == StepKind::kAlone);
  sync_point(SyncPoint::kStepBeforeDdl);
  if (!step.leftover_probe.empty() && holds(session_.get(), step.leftover_probe)) {
    log_(LogLevel::kWarning, fmt::format("{}: removing what an interrupted try left", step.title));
    session_.get().execute(step.leftover_sql);
  }
  try {
    return carry_out(step);
  } catch (const sql::Error& error) {
    if (!may_sweep || step.sweep.empty() || !violates_not_null(error)) throw;
    session_.roll_back();
    return StepOutcome::kViolated;
  }
}

/// An inverse need not be harmless to repeat: the ledger tells whether it was committed.
StepOutcome DdlRunner::attempt_back(const planner::Step& step, bool ours) {
  sql::Connection& connection = session_.get();
  Ledger ledger(connection);
  sync_point(SyncPoint::kRollbackStepBegun);
  if (ledger.step_pending(job_id_, step.id)) return StepOutcome::kDone;
  const bool alone = step.kind == StepKind::kAlone;
  const auto take_back = [&] {
    if (ours) {
      for (const std::string& statement : step.inverse) connection.execute(statement);
    }
    sync_point(SyncPoint::kRollbackBeforeRecord);
    ledger.step_taken_back(job_id_, step.id);
  };
  if (alone) {
    take_back();
  } else {
    sql::Transaction transaction(connection);
    take_back();
    sync_point(SyncPoint::kRollbackBeforeCommit);
    transaction.commit();
  }
  sync_point(SyncPoint::kRollbackStepRecorded);
  return StepOutcome::kDone;
}

StepOutcome DdlRunner::carry_out(const planner::Step& step) {
  sql::Connection& connection = session_.get();
  if (step.kind == StepKind::kAlone) {
    for (const std::string& statement : step.sql) connection.execute(statement);
    sync_point(SyncPoint::kStepBeforeRecord);
    Ledger(connection).step_done(job_id_, step.id);
    sync_point(SyncPoint::kStepRecorded);
    return StepOutcome::kDone;
  }
  if (step.kind == StepKind::kReconcile || step.kind == StepKind::kFill ||
      step.kind == StepKind::kCatchUp) {
    if (!reconcile(step)) return StepOutcome::kStopped;
    Ledger(session_.get()).step_done(job_id_, step.id);
    return StepOutcome::kDone;
  }
  sql::Transaction transaction(connection);
  if (step.kind == StepKind::kLookup) {
    load_lookup(step);
  } else {
    for (const std::string& statement : step.sql) connection.execute(statement);
  }
  sync_point(SyncPoint::kStepBeforeRecord);
  Ledger(connection).step_done(job_id_, step.id);
  sync_point(SyncPoint::kStepBeforeCommit);
  transaction.commit();
  sync_point(SyncPoint::kStepRecorded);
  return StepOutcome::kDone;
}

/// Mends what one comparison finds, then compares again: what was changed meanwhile is found by
/// the next. False when a stop came first.
bool DdlRunner::reconcile(const planner::Step& step) {
  std::int64_t mended = 0;
  for (int round = 0;; ++round) {
    const sql::Result found = session_.get().execute(step.sql.at(0));
    if (found.rows() == 0) break;
    sync_point(SyncPoint::kStaleFound);
    if (round == kMaxComparisons && step.kind != StepKind::kFill) {
      throw std::runtime_error(fmt::format(
          "{}: rows still differ from their source after {} comparisons; something keeps changing "
          "them behind the triggers (session_replication_role = replica?). Find it and run again",
          step.table, kMaxComparisons));
    }
    for (int first = 0; first < found.rows();) {
      if (!control_->pass(stop_)) return false;
      first = mend(step, found, first, mended);
    }
  }
  if (mended == 0 || step.kind == StepKind::kFill) return true;
  log_(LogLevel::kInfo, fmt::format("{}: {} row{} had another value than their source; mended",
                                    step.table, mended, mended == 1 ? "" : "s"));
  return true;
}

/// One transaction, its count in the ledger.
int DdlRunner::mend(const planner::Step& step, const sql::Result& found, int first,
                    std::int64_t& mended) {
  const std::int64_t most =
      std::min(mend_sizer_.rows(), mends_ == 0 ? kFirstRowsPerMend : kMostRowsPerMend);
  const int end = static_cast<int>(std::min<std::int64_t>(found.rows(), first + most));
  sql::Params keys;
  for (int column = 0; column < found.columns(); ++column) {
    std::vector<std::string> values;
    for (int row = first; row < end; ++row) values.emplace_back(found.text(row, column));
    keys.emplace_back(sql::text_array_literal(values));
  }
  sql::Connection& connection = session_.get();
  sql::Transaction transaction(connection);
  step_back_first(connection);
  if (skips_triggers_) connection.execute(planner::kSkipTriggers);
  const auto started = std::chrono::steady_clock::now();
  const std::int64_t rows = connection.execute(step.sql.at(1), keys).affected();
  Ledger(connection).add_step_rows(job_id_, step.id, rows);
  transaction.commit();
  mend_sizer_.measured(end - first, std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::steady_clock::now() - started));
  ++mends_;
  sync_point(SyncPoint::kStaleMended);
  mended += rows;
  return end;
}

void DdlRunner::load_lookup(const planner::Step& step) {
  const planner::LookupSpec* lookup = spec_.lookup(step.lookup);
  if (lookup == nullptr || step.sql.empty()) {
    throw std::runtime_error("the plan names a lookup that the file does not have: " + step.lookup);
  }
  sql::Connection& connection = session_.get();
  connection.execute("DROP TABLE IF EXISTS " + step.lookup_table);
  connection.execute(step.sql.front());
  sql::CopyIn copy =
      connection.copy_in(fmt::format("COPY {} (key, value) FROM STDIN", step.lookup_table));
  for (const auto& [key, value] : lookup->entries) {
    copy.put(copy_field(key) + "\t" + copy_field(value) + "\n");
  }
  copy.finish();
}

bool DdlRunner::retry(const sql::Error& error, const planner::Step& step) {
  const Disposition disposition = classify(error.sqlstate(), error.connection_lost());
  const bool passes = disposition == Disposition::kRetry ||
                      disposition == Disposition::kReconnect || disposition == Disposition::kPause;
  if (!passes || ++attempts_ > kMaxAttempts) return false;
  if (attempts_ == 1 || attempts_ % 10 == 0) {
    log_(LogLevel::kWarning, fmt::format("{}: {}: {}; trying again (attempt {})", step.table,
                                         step.title, error.what(), attempts_ + 1));
  }
  stop_.sleep(disposition == Disposition::kPause ? milliseconds(5000) : backoff_.next());
  if (error.sqlstate() == "55P03" && !stop_.draining()) outlast_vacuum(step);
  return true;
}

void DdlRunner::follow_settings() {
  const planner::RunOptions run = control_->settings();
  mend_sizer_.aim(run.batch_time, run.batch_rows);
  sql::Connection& connection = session_.get();
  if (lock_timeout_on_ != session_.generation()) lock_timeout_ = first_lock_timeout_;
  lock_timeout_on_ = session_.generation();
  if (lock_timeout_ == run.lock_timeout) return;
  connection.execute(fmt::format("SET lock_timeout = '{}ms'", run.lock_timeout.count()));
  lock_timeout_ = run.lock_timeout;
}

/// An autovacuum gives way only to a waiter that has waited for deadlock_timeout, so a shorter
/// lock_timeout would never get past it.
void DdlRunner::outlast_vacuum(const planner::Step& step) {
  if (step.table.empty()) return;
  session_.get().execute(fmt::format(
      "SELECT set_config('lock_timeout', (deadlock + 500) || 'ms', false) "
      "FROM (SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000, "
      "extract(epoch FROM current_setting('lock_timeout')::interval) * 1000) AS s(deadlock, lock) "
      "WHERE lock <= deadlock AND EXISTS (SELECT FROM pg_locks WHERE granted "
      "AND mode = 'ShareUpdateExclusiveLock' AND pid <> pg_backend_pid() "
      "AND relation = to_regclass({}))",
      sql::quote_literal(step.table)));
}

}  // namespace pgbackfill::engine
