#pragma once

#include "planner/job_spec.hpp"
#include "sql/catalog.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// Oldest server major version that is supported, as libpq numbers it.
inline constexpr int kMinServerVersion = 130000;

struct Finding {
  bool refuses = false;                      ///< true: the job must not start; false: worth knowing
  std::string object;                        ///< what it is about: a table, column, type, role, …
  std::string message;                       ///< what is wrong, one sentence
  std::string advice;                        ///< what to do, one sentence
  std::vector<std::string> statements = {};  ///< SQL that mends it, each ended by a semicolon
  std::string to_string() const;
};

/// Names in the migration file that the database does not have (tables, columns, types,
/// referenced columns, keys without a type in common): errors of the file, with their position.
std::vector<SpecError> check_against_catalog(const JobSpec& spec, const sql::Catalog& catalog);

/// The server as such, before its catalog can be relied upon: its version.
std::vector<Finding> check_server(int server_version);

/// Everything that would make the job fail half-way or do harm, found by looking only: server,
/// privileges, unsupported tables, name clashes, organizations that do not exist, rows and labels
/// without a value. Reads table data where the answer is in the data.
std::vector<Finding> preflight(const JobSpec& spec, const sql::Catalog& catalog,
                               sql::Connection& connection);

}  // namespace pgbackfill::planner
