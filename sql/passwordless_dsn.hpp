#pragma once

#include "sql/connection.hpp"

#include <string>

namespace pgbackfill::sql {

/// How another program reaches the database that a session is in.
struct PasswordlessDsn {
  std::string dsn;       ///< keyword = 'value' pairs, nothing secret among them
  std::string database;  ///< its name
  std::string password;  ///< the one that the session used; empty: none
};

/// From the session's connection string, with host, port, user and database as they turned out
/// to be (environment and service file included).
PasswordlessDsn passwordless_dsn(const Connection& connection);

}  // namespace pgbackfill::sql
