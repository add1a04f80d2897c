#pragma once

#include "planner/preflight/preflight.hpp"
#include "sql/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// The role may run `set_local`, a SET LOCAL of a parameter that is not everybody's. Asked of the
/// server: a provider may let roles do it that are no superusers.
bool may_set(sql::Connection& connection, std::string_view set_local);

/// That `role` may not set `parameter`, though the job is to: what would let it, as advice that
/// ends with `otherwise` and, from PostgreSQL 15 on, as a statement.
Finding not_allowed_to_set(const sql::Connection& connection, std::string object,
                           std::string_view parameter, const std::string& role,
                           std::string_view otherwise);

/// The statement that lets `role` set `parameter`; empty before PostgreSQL 15, which has none.
std::string grant_to_set(const sql::Connection& connection, std::string_view parameter,
                         const std::string& role);
/// What is to be done with it.
std::string_view remedy_for_set(const sql::Connection& connection);

/// [run] wal_compression: the server knows the method, and the role may choose it.
std::vector<Finding> check_wal_compression(const std::string& method, sql::Connection& connection);

}  // namespace pgbackfill::planner
