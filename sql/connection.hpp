#pragma once

#include "sql/error.hpp"
#include "sql/handles.hpp"
#include "sql/result.hpp"

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace pgbackfill::sql {

class Connection;
class CopyIn;
class CopyOut;

/// How to reach the server and what the session sets first.
struct ConnectOptions {
  std::string dsn;  ///< libpq connection string or URI; empty: PG* environment variables
  std::string application_name = "pgbackfill";
  /// Applied with SET in this order, before anything else runs.
  std::vector<std::pair<std::string, std::string>> settings;
  /// The same for settings that servers have from a version on (as libpq numbers them) only.
  std::vector<std::tuple<int, std::string, std::string>> settings_since;
  std::chrono::seconds connect_timeout{10};
  /// Receives notices and warnings of the server (one line each). May be empty.
  std::function<void(std::string_view)> on_notice;
  /// Called with the session once the settings are in place; what it throws, the constructor
  /// throws. May be empty.
  std::function<void(Connection&)> on_ready;
};

/// Text-format parameters of a statement; nullopt is NULL.
using Params = std::vector<std::optional<std::string>>;

/// Cancels what a connection is running. Thread-safe; outlives its connection.
class Canceller {
 public:
  explicit Canceller(PGconn* connection);
  /// Best effort: a failure to deliver the request is not an error.
  void cancel() const noexcept;

 private:
  std::shared_ptr<PGcancel> handle_;
};

/// One session with the server. Thread-compatible: one owner thread at a time; only cancel()
/// on a Canceller may come from elsewhere. All calls throw sql::Error on failure and keep the
/// first error of a failing call, which is the one that carries the SQLSTATE when the server
/// closes the session.
class Connection {
 public:
  explicit Connection(ConnectOptions options);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  /// Runs one or several statements by the simple protocol; returns the last one's result.
  Result execute(std::string_view statements);
  /// Runs one statement with parameters ($1, $2, …).
  Result execute(std::string_view statement, const Params& params);
  /// Prepares a statement under `name`, replacing an earlier one of that name.
  void prepare(std::string_view name, std::string_view statement);
  Result execute_prepared(std::string_view name, const Params& params);

  /// Starts `COPY … TO STDOUT`; the connection is busy until the returned object is gone.
  CopyOut copy_out(std::string_view statement);
  /// Starts `COPY … FROM STDIN`. `statements` may hold statements before the COPY (for instance
  /// BEGIN) and after it; the connection is busy until the returned object is gone.
  CopyIn copy_in(std::string_view statements);

  /// Server version as libpq gives it (150020 for 15.20).
  int server_version() const noexcept;
  int backend_pid() const noexcept;
  /// False once the link is known to be lost.
  bool usable() const noexcept;
  /// True inside a transaction block (failed or not).
  bool in_transaction() const noexcept;
  Canceller canceller() const;
  const ConnectOptions& options() const noexcept;

  /// Takes in what the server sent for the running call. For CopyIn and CopyOut.
  PGconn* native() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// BEGIN … COMMIT as a scope: rolls back when left without commit(). Never throws from the
/// destructor. Nested use on one connection is a logic error.
class Transaction {
 public:
  explicit Transaction(Connection& connection, std::string_view begin = "BEGIN");
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

/// A part of a transaction that can fail alone. Rolled back unless released.
class Savepoint {
 public:
  explicit Savepoint(Connection& connection);
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;
  void release();
  void roll_back();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace pgbackfill::sql
