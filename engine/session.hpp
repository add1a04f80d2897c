#pragma once

#include "engine/engine.hpp"
#include "sql/connection.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::engine {

enum class SessionRole { kCoordinator, kDdl, kReader, kWriter, kHorizon, kThrottle, kLease };

/// What every session of a job sets first: text output that does not depend on the server's
/// configuration, no timeouts of others' making, row_security off so that a policy that would
/// hide rows is an error, and for the workers what their role needs.
sql::ConnectOptions session_options(const EngineOptions& options, std::string_view schema,
                                    SessionRole role, const LogSink& log);

/// Makes the open transaction, else all of the session's, step back from a row lock, and so from a
/// deadlock, before the server looks for one: it may end either side of it, and that must not be
/// the application's. (Half of deadlock_timeout, where lock_timeout is longer; a look comes only
/// after deadlock_timeout of waiting.)
void step_back_first(sql::Connection& connection);

/// Connects again and again, pausing, for up to ten minutes of a server that is down or starting;
/// other errors pass at once. Throws the last error when the time is over or a stop is asked for.
sql::Connection connect_patiently(const sql::ConnectOptions& options, const StopSignal& stop,
                                  const LogSink& log);

/// As connect_patiently(), but a server that cannot be reached at the first try is told at once.
sql::Connection connect_first(const sql::ConnectOptions& options, const StopSignal& stop,
                              const LogSink& log);

/// A session that is opened when first needed and anew after its link was lost, and that a second
/// stop signal cancels. One owner thread.
class Session {
 public:
  Session(sql::ConnectOptions options, StopSignal& stop, LogSink log)
      : options_(std::move(options)), stop_(stop), log_(std::move(log)) {}

  /// The open connection; connects patiently where there is none.
  sql::Connection& get();
  /// Counts the connections opened: what was prepared on one is gone with the next.
  int generation() const noexcept { return generation_; }
  /// Until it is needed again.
  void close() noexcept;
  /// Leaves an open transaction; a connection that cannot is given up.
  void roll_back() noexcept;

 private:
  const sql::ConnectOptions options_;
  StopSignal& stop_;
  const LogSink log_;
  std::optional<sql::Connection> connection_;
  std::optional<StopSignal::Lease> lease_;
  int generation_ = 0;
};

}  // namespace pgbackfill::engine
