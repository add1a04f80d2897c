#include "engine/ddl/ddl_runner.hpp"
#include "engine/sync_point.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::engine {
namespace {

using std::chrono::milliseconds;

/// What a scan is through with in a moment, as it goes on under the locks of the other steps.
constexpr int kMostBytes = 8 * 1024 * 1024;
/// The first step's lock keeps the application waiting while the next one waits for its own.
constexpr milliseconds kLockTimeout{100};
constexpr milliseconds kStatementTimeout{1000};

}  // namespace

bool DdlRunner::run_joined(const std::vector<const planner::Step*>& steps) {
  try {
    sql::Connection& connection = session_.get();
    sync_point(SyncPoint::kStepBeforeProbe);
    if (!joinable(steps)) return false;
    sync_point(SyncPoint::kStepBeforeDdl);
    std::string text =
        fmt::format("BEGIN; SET LOCAL lock_timeout = '{}ms'; SET LOCAL statement_timeout = '{}ms'",
                    std::min(control_->settings().lock_timeout, kLockTimeout).count(),
                    kStatementTimeout.count());
    std::vector<std::string> ids;
    for (const planner::Step* step : steps) {
      ids.push_back(step->id);
      for (const std::string& statement : step->sql) text += "\n;\n" + statement;
    }
    sql::Transaction transaction(connection, text);
    sync_point(SyncPoint::kStepBeforeRecord);
    Ledger(connection).steps_done(job_id_, ids);
    sync_point(SyncPoint::kStepBeforeCommit);
    transaction.commit();
    sync_point(SyncPoint::kStepRecorded);
    return true;
  } catch (const sql::Error&) {
    // Whatever it is, the step that it concerns meets it again, and tells.
    session_.roll_back();
    return false;
  }
}

bool DdlRunner::joinable(const std::vector<const planner::Step*>& steps) {
  std::string query = fmt::format(
      "SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass({}) AND relkind = 'r' "
      "AND pg_relation_size(oid) <= {})",
      sql::quote_literal(steps.front()->table), kMostBytes);
  for (const planner::Step* step : steps) {
    if (!step->probe.empty()) query += fmt::format(" AND ({}) IS NOT TRUE", step->probe);
  }
  return holds(session_.get(), query);
}

}  // namespace pgbackfill::engine
