#include "engine/session.hpp"

#include "engine/coordinator_seat.hpp"
#include "engine/retry_policy.hpp"
#include "sql/identifier.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

namespace pgbackfill::engine {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::minutes kReconnectBudget{10};

std::function<void(std::string_view)> notices_to(const LogSink& log) {
  if (!log) return {};
  return [log](std::string_view notice) { log(LogLevel::kWarning, notice); };
}

}  // namespace

sql::ConnectOptions session_options(const EngineOptions& options, std::string_view schema,
                                    SessionRole role, const LogSink& log) {
  sql::ConnectOptions connect;
  connect.dsn = options.dsn;
  connect.on_notice = notices_to(log);
  connect.settings = {
      {"client_min_messages", "warning"},
      {"client_encoding", "UTF8"},
      {"search_path", sql::quote_identifier(schema) + ", public"},
      {"DateStyle", "ISO"},
      {"IntervalStyle", "postgres"},
      {"TimeZone", "UTC"},
      {"bytea_output", "hex"},
      {"extra_float_digits", "1"},
      {"standard_conforming_strings", "on"},
      {"row_security", "off"},
      {"statement_timeout", "0"},
      {"idle_in_transaction_session_timeout", "0"},
      {"default_transaction_isolation", "read committed"},
      {"lock_timeout", fmt::format("{}ms", options.run.lock_timeout.count())},
      {"jit", "off"},
  };
  connect.settings_since = {{140000, "idle_session_timeout", "0"},
                            {170000, "transaction_timeout", "0"}};
  const bool watches = role == SessionRole::kHorizon || role == SessionRole::kThrottle ||
                       role == SessionRole::kLease;
  if (options.seat && !watches) {
    connect.on_ready = [seat = options.seat](sql::Connection& session) { seat->join(session); };
  }
  if (role == SessionRole::kDdl) {
    connect.application_name = "pgbackfill ddl";
    // A step and its record are lost or kept together, and what must outlive a crash of the server
    // (a stage's end, the job's) the coordinator commits after them.
    connect.settings.emplace_back("synchronous_commit", "off");
    connect.on_ready = [join = std::move(connect.on_ready),
                        ddl_workers = options.run.ddl_workers](sql::Connection& session) {
      if (join) join(session);
      session.execute(sql::statement("maintenance_memory"), {std::to_string(ddl_workers)});
    };
  }
  const bool writes = role == SessionRole::kDdl || role == SessionRole::kWriter;
  if (writes && !options.run.wal_compression.empty()) {
    connect.settings.emplace_back("wal_compression", options.run.wal_compression);
  }
  if (role == SessionRole::kCoordinator) {
    // To start parallel workers for the sweep's count takes longer than to count.
    connect.settings.emplace_back("min_parallel_table_scan_size", "1GB");
  }
  if (role == SessionRole::kReader) {
    connect.application_name = "pgbackfill reader";
    // A window that is cut short is cut at its highest block, so scans must start at the front.
    connect.settings.emplace_back("synchronize_seqscans", "off");
    // It claims ranges, and a claim that a crash undoes undoes the batches after it.
    connect.settings.emplace_back("synchronous_commit", "off");
  } else if (role == SessionRole::kWriter) {
    connect.application_name = "pgbackfill writer";
    // The batch and its ledger row are lost or kept together, and sweeps find what was lost.
    connect.settings.emplace_back("synchronous_commit", "off");
    // One plan for all batches, and never a scan of the whole table.
    connect.settings.emplace_back("enable_seqscan", "off");
    connect.settings.emplace_back("enable_mergejoin", "off");
    connect.settings.emplace_back("plan_cache_mode", "force_generic_plan");
    if (options.run.user_triggers == planner::UserTriggers::kSkip) {
      connect.settings.emplace_back("session_replication_role", "replica");
    }
  } else if (watches) {
    connect.application_name = role == SessionRole::kHorizon    ? "pgbackfill horizon"
                               : role == SessionRole::kThrottle ? "pgbackfill throttle"
                                                                : "pgbackfill lease";
    connect.settings.emplace_back("statement_timeout", "5s");
  }
  return connect;
}

sql::Connection connect(const std::string& dsn, std::string_view schema, const LogSink& log) {
  EngineOptions options;
  options.dsn = dsn;
  return sql::Connection(session_options(options, schema, SessionRole::kCoordinator, log));
}

void step_back_first(sql::Connection& connection) {
  connection.execute(fmt::format(
      "SELECT set_config('lock_timeout', (deadlock / 2)::integer || 'ms', {}) "
      "FROM (SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000, "
      "extract(epoch FROM current_setting('lock_timeout')::interval) * 1000) AS s(deadlock, lock) "
      "WHERE deadlock >= 2 AND (lock > deadlock / 2 OR lock = 0)",
      connection.in_transaction()));
}

sql::Connection connect_patiently(const sql::ConnectOptions& options, const StopSignal& stop,
                                  const LogSink& log) {
  const auto give_up = std::chrono::steady_clock::now() + kReconnectBudget;
  Backoff backoff(milliseconds(200), milliseconds(5000), std::random_device{}());
  for (;;) {
    try {
      return sql::Connection(options);
    } catch (const sql::Error& error) {
      const bool hopeless = classify(error.sqlstate(), true) == Disposition::kFail;
      if (hopeless || std::chrono::steady_clock::now() > give_up) throw;
      if (log)
        log(LogLevel::kWarning, fmt::format("cannot connect, trying again: {}", error.what()));
      if (!stop.sleep(backoff.next())) throw;
    }
  }
}

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

sql::Connection& Session::get() {
  if (!connection_ || !connection_->usable()) {
    lease_.reset();
    connection_.reset();
    connection_.emplace(connect_patiently(options_, stop_, log_));
    lease_.emplace(stop_.watch(connection_->canceller()));
    ++generation_;
  }
  return *connection_;
}

void Session::close() noexcept {
  lease_.reset();
  connection_.reset();
}

void Session::roll_back() noexcept {
  try {
    if (connection_ && connection_->usable() && connection_->in_transaction()) {
      connection_->execute("ROLLBACK");
    }
  } catch (const std::exception&) {
    connection_.reset();
  }
}

}  // namespace pgbackfill::engine
