#include "sql/connect.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <poll.h>
#include <utility>

namespace pgbackfill::sql {
namespace {

using Clock = std::chrono::steady_clock;

struct ConninfoFree {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using ConninfoHandle = std::unique_ptr<PQconninfoOption, ConninfoFree>;

[[noreturn]] void fail(std::string message, std::string sqlstate = {}, std::string hint = {}) {
  Diagnostics diagnostics;
  diagnostics.message = "cannot connect: " + std::move(message);
  diagnostics.sqlstate = std::move(sqlstate);
  diagnostics.hint = std::move(hint);
  throw Error(std::move(diagnostics), "", true);
}

/// Text between "://" and the last '@' of a URI, after the user name: a password, unless the
/// URI is malformed, in which case libpq would show parts of it as a host, port or database.
std::string_view password_part(std::string_view dsn) {
  for (const std::string_view scheme : {"postgresql://", "postgres://"}) {
    if (!dsn.starts_with(scheme)) continue;
    dsn.remove_prefix(scheme.size());
    const std::size_t at = dsn.rfind('@');
    if (at == std::string_view::npos) return {};
    const std::size_t colon = dsn.substr(0, at).find(':');
    if (colon == std::string_view::npos) return {};
    return dsn.substr(colon + 1, at - colon - 1);
  }
  return {};
}

bool is_connection_string(std::string_view dsn) {
  return dsn.starts_with("postgresql://") || dsn.starts_with("postgres://") ||
         dsn.find('=') != std::string_view::npos;
}

void check_readable(const std::string& dsn) {
  if (!is_connection_string(dsn)) return;
  char* raw_message = nullptr;
  const ConninfoHandle parsed(PQconninfoParse(dsn.c_str(), &raw_message));
  const MemoryHandle message(raw_message);
  // libpq's message quotes pieces of the string, and any of them may belong to a password.
  if (!parsed) {
    fail("the connection string is malformed", "",
         "write postgresql://user@host/database or host=… dbname=…; percent-encode special "
         "characters in a URI, put values with blanks in single quotes otherwise");
  }
}

ConnHandle start(const ConnectOptions& options) {
  const std::array<const char*, 7> keywords{"application_name",
                                            "keepalives_idle",
                                            "keepalives_interval",
                                            "keepalives_count",
                                            "dbname",
                                            "client_encoding",
                                            nullptr};
  const std::array<const char*, 7> values{
      options.application_name.c_str(), "30", "10", "3", options.dsn.c_str(), "UTF8", nullptr};
  ConnHandle handle(PQconnectStartParams(keywords.data(), values.data(), 1));
  if (!handle) fail("out of memory");
  // Connection failures have no error fields; in verbose form their text begins with the code.
  PQsetErrorVerbosity(handle.get(), PQERRORS_VERBOSE);
  return handle;
}

std::chrono::seconds timeout_of(PGconn* link, std::chrono::seconds fallback) {
  const ConninfoHandle known(PQconninfo(link));
  for (const PQconninfoOption* option = known.get(); option && option->keyword; ++option) {
    if (std::strcmp(option->keyword, "connect_timeout") != 0 || !option->val) continue;
    int seconds = 0;
    const char* end = option->val + std::strlen(option->val);
    if (std::from_chars(option->val, end, seconds).ptr == end && seconds > 0) {
      return std::chrono::seconds(seconds);
    }
  }
  return fallback;
}

/// Waits for the socket; false when the deadline has passed.
bool wait(PGconn* link, bool to_write, Clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd socket{PQsocket(link), static_cast<short>(to_write ? POLLOUT : POLLIN), 0};
    const int ready = poll(&socket, 1, static_cast<int>(std::min<long long>(left.count(), 60000)));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
}

/// Splits "…FATAL:  57P03: the database system is starting up\nLOCATION: …" into code and text.
std::pair<std::string, std::string> split_verbose(std::string_view text) {
  const std::size_t location = text.find("\nLOCATION:");
  if (location != std::string_view::npos) text = text.substr(0, location);
  const std::size_t severity = text.find(":  ");
  if (severity != std::string_view::npos && text.size() >= severity + 10 &&
      text.substr(severity + 8, 2) == ": ") {
    const std::string_view code = text.substr(severity + 3, 5);
    const auto in_code = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
    if (std::all_of(code.begin(), code.end(), in_code)) {
      return {std::string(code), std::string(text.substr(0, severity + 1)) + " " +
                                     std::string(text.substr(severity + 10))};
    }
  }
  return {std::string(), std::string(text)};
}

[[noreturn]] void fail_of(PGconn* link, std::string_view dsn) {
  auto [code, message] = split_verbose(PQerrorMessage(link));
  if (password_part(dsn).find_first_of("@/:?#") != std::string_view::npos) {
    fail(
        "the connection URI may be malformed (the server's text is hidden, as it may hold part of "
        "the password)",
        code, "percent-encode @ / : ? # in the password");
  }
  // Port and option values are echoed; in a misread URI they are pieces of the password.
  if (code.empty() && message.find("invalid ") != std::string::npos &&
      dsn.find("://") != std::string_view::npos) {
    fail("the connection URI is malformed", code, "percent-encode @ / : ? # in the password");
  }
  fail(message, code);
}

}  // namespace

ConnHandle connect(const ConnectOptions& options) {
  check_readable(options.dsn);
  ConnHandle handle = start(options);
  PGconn* link = handle.get();
  if (PQstatus(link) == CONNECTION_BAD) fail_of(link, options.dsn);
  const std::chrono::seconds timeout = timeout_of(link, options.connect_timeout);
  const Clock::time_point deadline = Clock::now() + timeout;
  // libpq asks to wait for writing before its first poll.
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) fail_of(link, options.dsn);
    if (!wait(link, next == PGRES_POLLING_WRITING, deadline)) {
      fail("no answer from the server within " + std::to_string(timeout.count()) + " s");
    }
    next = PQconnectPoll(link);
  }
  PQsetErrorVerbosity(link, PQERRORS_DEFAULT);
  return handle;
}

}  // namespace pgbackfill::sql
