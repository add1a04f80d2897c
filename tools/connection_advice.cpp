#include "tools/connection_advice.hpp"

#include "sql/handles.hpp"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string_view>

namespace pgbackfill::tools {
namespace {

using OptionsHandle = std::unique_ptr<PQconninfoOption, sql::Releaser<&PQconninfoFree>>;
using Options = std::map<std::string, std::string, std::less<>>;

void take_options(const PQconninfoOption* option, Options& options) {
  for (; option != nullptr && option->keyword != nullptr; ++option) {
    const std::string_view keyword(option->keyword);
    const bool wanted = keyword == "host" || keyword == "hostaddr" || keyword == "port" ||
                        keyword == "dbname" || keyword == "user";
    if (wanted && option->val != nullptr) options[option->keyword] = option->val;
  }
}

bool is_connection_string(std::string_view dsn) {
  return dsn.find('=') != std::string_view::npos || dsn.starts_with("postgres://") ||
         dsn.starts_with("postgresql://");
}

bool read_dsn(const std::string& dsn, Options& options) {
  take_options(OptionsHandle(PQconndefaults()).get(), options);
  if (dsn.empty()) return true;
  if (!is_connection_string(dsn)) {
    options["dbname"] = dsn;
    return true;
  }
  char* raw_message = nullptr;
  const OptionsHandle parsed(PQconninfoParse(dsn.c_str(), &raw_message));
  const sql::MemoryHandle message(raw_message);
  take_options(parsed.get(), options);
  return parsed != nullptr;
}

std::string advice(const sql::Error& error) {
  const std::string_view code = error.sqlstate();
  const std::string& text = error.diagnostics().message;
  if (code == "3D000") return "check the name of the database";
  if (code == "53300")
    return "the server has no free connections: lower --workers or raise its max_connections";
  if (code == "57P03") return "the server is starting up, shutting down or recovering: try again";
  if (code.starts_with("28") || text.find("password") != std::string::npos) {
    return "authentication failed: check user and password (--dsn, PGPASSWORD, ~/.pgpass) and the "
           "server's pg_hba.conf";
  }
  if (code == "42501") return "the role lacks the CONNECT privilege on the database";
  if (!code.empty() || text.find("malformed") != std::string::npos) return {};
  return "check that the server is running and that host and port are right";
}

}  // namespace

std::string describe_target(const std::string& dsn) {
  Options options;
  if (!read_dsn(dsn, options)) return {};
  // In a misread URI a piece of the password ends up in these.
  for (const auto& [keyword, value] : options) {
    if (value.find_first_of("@ \t\n") != std::string::npos) return {};
  }
  const auto value = [&](std::string_view keyword) {
    const auto found = options.find(keyword);
    return found == options.end() ? std::string() : found->second;
  };
  const std::string user = value("user");
  const std::string database = value("dbname").empty() ? user : value("dbname");
  std::string host = value("host").empty() ? value("hostaddr") : value("host");
  if (host.empty()) host = "the local socket";
  std::string text = fmt::format("database {} on {} port {}", database, host, value("port"));
  if (!user.empty()) text += " as user " + user;
  return text;
}

bool is_connect_failure(const sql::Error& error) {
  return error.connection_lost() && error.statement().empty() &&
         error.diagnostics().message.starts_with("cannot connect");
}

std::string connect_failure_text(const sql::Error& error, const std::string& dsn) {
  std::string text = error.what();
  const std::string target = describe_target(dsn);
  if (!target.empty()) text = fmt::format("{} ({})", text, target);
  const std::string next = advice(error);
  return next.empty() ? text : text + "; " + next;
}

}  // namespace pgbackfill::tools
