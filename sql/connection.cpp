#include "sql/connection.hpp"

#include "sql/connect.hpp"
#include "sql/copy_stream.hpp"
#include "sql/identifier.hpp"
#include "sql/protocol.hpp"

#include <array>
#include <exception>
#include <set>
#include <stdexcept>

namespace pgbackfill::sql {
namespace {

std::vector<const char*> pointers(const Params& params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const auto& param : params) values.push_back(param ? param->c_str() : nullptr);
  return values;
}

/// In one statement, for a round trip each would be most of what a short session costs.
std::string set_all(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string statement = "SELECT current_setting('statement_timeout')";
  for (const auto& [name, value] : settings) {
    statement += ", set_config(" + quote_literal(name) + ", " + quote_literal(value) + ", false)";
  }
  return statement;
}

/// How often a role's own statement_timeout may end what sets another.
constexpr int kMaxTimeouts = 20;

/// A role's statement_timeout may end the very statement that sets another one, and its signal may
/// come late and end the next.
void apply_settings(Connection& connection,
                    const std::vector<std::pair<std::string, std::string>>& settings) {
  const std::string statement = set_all(settings);
  for (int tries = 1;; ++tries) {
    try {
      const Result before = connection.execute(statement);
      const bool limited = before.rows() == 1 && before.text(0, 0) != "0";
      if (limited) connection.execute("SELECT");
      return;
    } catch (const Error& error) {
      if (error.sqlstate() != "57014" || tries == kMaxTimeouts) throw;
    }
  }
}

}  // namespace

struct Connection::State {
  ConnHandle handle;
  ConnectOptions options;
  /// Names of statements that this session has prepared.
  std::set<std::string, std::less<>> prepared;

  static void take_notice(void* self, const char* message) noexcept {
    const auto& options = static_cast<State*>(self)->options;
    if (!options.on_notice) return;
    std::string_view line(message);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    try {
      options.on_notice(line);
    } catch (...) {
      // It would unwind through libpq's C frames.
    }
  }
};

Canceller::Canceller(PGconn* connection) : handle_(PQgetCancel(connection), PQfreeCancel) {}

void Canceller::cancel() const noexcept {
  if (!handle_) return;
  std::array<char, 256> message{};
  PQcancel(handle_.get(), message.data(), static_cast<int>(message.size()));
}

Connection::Connection(ConnectOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->handle = connect(state_->options);
  PQsetNoticeProcessor(native(), &State::take_notice, state_.get());
  auto wanted = state_->options.settings;
  for (const auto& [since, name, value] : state_->options.settings_since) {
    if (server_version() >= since) wanted.emplace_back(name, value);
  }
  if (!wanted.empty()) apply_settings(*this, wanted);
  if (state_->options.on_ready) state_->options.on_ready(*this);
}

Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Result Connection::execute(std::string_view statements) {
  const std::string text(statements);
  if (PQsendQuery(native(), text.c_str()) != 1) throw_link_error(native(), text);
  return Result(drain(native(), text));
}

Result Connection::execute(std::string_view statement, const Params& params) {
  const std::string text(statement);
  const std::vector<const char*> values = pointers(params);
  if (PQsendQueryParams(native(), text.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) != 1) {
    throw_link_error(native(), text);
  }
  return Result(drain(native(), text));
}

void Connection::prepare(std::string_view name, std::string_view statement) {
  const std::string key(name);
  const std::string text(statement);
  if (state_->prepared.erase(key) != 0) execute("DEALLOCATE " + quote_identifier(key));
  if (PQsendPrepare(native(), key.c_str(), text.c_str(), 0, nullptr) != 1) {
    throw_link_error(native(), text);
  }
  drain(native(), text);
  state_->prepared.insert(key);
}

Result Connection::execute_prepared(std::string_view name, const Params& params) {
  const std::string key(name);
  const std::vector<const char*> values = pointers(params);
  if (PQsendQueryPrepared(native(), key.c_str(), static_cast<int>(values.size()), values.data(),
                          nullptr, nullptr, 0) != 1) {
    throw_link_error(native(), key);
  }
  return Result(drain(native(), key));
}

CopyOut Connection::copy_out(std::string_view statement) {
  return CopyOut(*this, std::string(statement));
}

CopyIn Connection::copy_in(std::string_view statements) {
  return CopyIn(*this, std::string(statements));
}

int Connection::server_version() const noexcept { return PQserverVersion(native()); }

int Connection::backend_pid() const noexcept { return PQbackendPID(native()); }

bool Connection::usable() const noexcept { return PQstatus(native()) == CONNECTION_OK; }

bool Connection::in_transaction() const noexcept {
  const PGTransactionStatusType status = PQtransactionStatus(native());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

Canceller Connection::canceller() const { return Canceller(native()); }

const ConnectOptions& Connection::options() const noexcept { return state_->options; }

PGconn* Connection::native() const noexcept { return state_ ? state_->handle.get() : nullptr; }

Transaction::Transaction(Connection& connection, std::string_view begin) : connection_(connection) {
  if (connection_.in_transaction()) {
    throw std::logic_error("a transaction is open on this connection already");
  }
  connection_.execute(begin);
}

Transaction::~Transaction() {
  if (!open_ || !connection_.usable() || !connection_.in_transaction()) return;
  try {
    connection_.execute("ROLLBACK");
  } catch (const std::exception&) {
    // The server rolls back by itself when the session ends, the one way this can fail.
  }
}

void Transaction::commit() {
  // COMMIT of a failed transaction is a ROLLBACK that reports success.
  if (PQtransactionStatus(connection_.native()) == PQTRANS_INERROR) {
    Diagnostics diagnostics;
    diagnostics.sqlstate = "25P02";
    diagnostics.message = "the transaction has failed and cannot be committed";
    throw Error(std::move(diagnostics), "COMMIT", false);
  }
  open_ = false;
  connection_.execute("COMMIT");
}

Savepoint::Savepoint(Connection& connection) : connection_(connection) {
  connection_.execute("SAVEPOINT pgbackfill");
}

Savepoint::~Savepoint() {
  if (!open_) return;
  try {
    roll_back();
  } catch (const std::exception&) {
    // The link is lost, and with it the transaction.
  }
}

void Savepoint::release() {
  connection_.execute("RELEASE SAVEPOINT pgbackfill");
  open_ = false;
}

void Savepoint::roll_back() {
  open_ = false;
  connection_.execute("ROLLBACK TO SAVEPOINT pgbackfill; RELEASE SAVEPOINT pgbackfill");
}

}  // namespace pgbackfill::sql
