#include "sql/passwordless_dsn.hpp"

#include <map>
#include <memory>
#include <string_view>

namespace pgbackfill::sql {
namespace {

using Options = std::unique_ptr<PQconninfoOption, Releaser<&PQconninfoFree>>;

std::string dsn_value(std::string_view value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

template <typename Wanted>
void take(const Options& options, std::map<std::string, std::string>& values, Wanted wanted) {
  for (const PQconninfoOption* option = options.get(); option && option->keyword; ++option) {
    // libpq marks with an asterisk what is not to be shown.
    const bool secret = std::string_view(option->dispchar) == "*";
    if (!secret && option->val != nullptr && *option->val != '\0' && wanted(option->keyword)) {
      values.emplace(option->keyword, option->val);
    }
  }
}

}  // namespace

PasswordlessDsn passwordless_dsn(const Connection& connection) {
  std::map<std::string, std::string> values;
  // A string that is not one is the database's name, which the session knows.
  const Options given(PQconninfoParse(connection.options().dsn.c_str(), nullptr));
  take(given, values, [](std::string_view) { return true; });
  const Options known(PQconninfo(connection.native()));
  take(known, values, [](std::string_view keyword) {
    return keyword == "host" || keyword == "port" || keyword == "user" || keyword == "dbname";
  });
  PasswordlessDsn result;
  result.database = PQdb(connection.native());
  for (const auto& [keyword, value] : values) {
    result.dsn += (result.dsn.empty() ? "" : " ") + keyword + "=" + dsn_value(value);
  }
  const char* password = PQpass(connection.native());
  result.password = password == nullptr ? "" : password;
  return result;
}

}  // namespace pgbackfill::sql
