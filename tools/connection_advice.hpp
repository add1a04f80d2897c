#pragma once

#include "sql/error.hpp"

#include <string>

namespace pgbackfill::tools {

/// Where a connection string leads, environment variables included: "database app on db.example
/// as user alice". Never names a password; empty where the string cannot be read with certainty.
std::string describe_target(const std::string& dsn);

/// Whether the error says that no session could be opened (as against a failing statement).
bool is_connect_failure(const sql::Error& error);

/// One line: what failed, where, and what to check.
std::string connect_failure_text(const sql::Error& error, const std::string& dsn);

}  // namespace pgbackfill::tools
