#include "planner/preflight/parameters.hpp"

#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <utility>

namespace pgbackfill::planner {
namespace {

/// Where a parameter can be granted to a role.
constexpr int kGrantsParameters = 150000;

}  // namespace

bool may_set(sql::Connection& connection, std::string_view set_local) {
  try {
    const sql::Transaction trial(connection, "BEGIN READ ONLY");
    connection.execute(set_local);
    return true;
  } catch (const sql::Error& error) {
    if (error.sqlstate() != "42501") throw;
    return false;
  }
}

Finding not_allowed_to_set(const sql::Connection& connection, std::string object,
                           std::string_view parameter, const std::string& role,
                           std::string_view otherwise) {
  Finding finding{true,
                  std::move(object),
                  fmt::format("role {} may not set {}", role, parameter),
                  fmt::format("{}, or {}", remedy_for_set(connection), otherwise),
                  {}};
  const std::string grant = grant_to_set(connection, parameter, role);
  if (!grant.empty()) finding.statements = {grant};
  return finding;
}

std::string grant_to_set(const sql::Connection& connection, std::string_view parameter,
                         const std::string& role) {
  if (connection.server_version() < kGrantsParameters) return "";
  return fmt::format("GRANT SET ON PARAMETER {} TO {};", parameter, sql::quote_identifier(role));
}

std::string_view remedy_for_set(const sql::Connection& connection) {
  return connection.server_version() >= kGrantsParameters
             ? "a superuser runs the statement below"
             : "before PostgreSQL 15 only a superuser may";
}

std::vector<Finding> check_wal_compression(const std::string& method, sql::Connection& connection) {
  if (method.empty()) return {};
  const std::string_view parameter = "wal_compression";
  try {
    if (may_set(connection,
                fmt::format("SET LOCAL {} = {}", parameter, sql::quote_literal(method)))) {
      return {};
    }
  } catch (const sql::Error& error) {
    if (error.sqlstate() != "22023") throw;
    return {{true,
             std::string(parameter),
             fmt::format("the server has no method \"{}\" ({})", method,
                         error.diagnostics().hint.empty() ? error.diagnostics().message
                                                          : error.diagnostics().hint),
             "choose another in [run], or leave it out",
             {}}};
  }
  const std::string role(connection.execute("SELECT current_user").text(0, 0));
  return {not_allowed_to_set(connection, std::string(parameter), parameter, role, "leave it out")};
}

}  // namespace pgbackfill::planner
