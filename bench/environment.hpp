#pragma once

#include "sql/connection.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::bench {

/// Facts that belong with every figure: machine, build, server and its settings, by name.
using Environment = std::vector<std::pair<std::string, std::string>>;
Environment describe_environment(sql::Connection& session);

/// Why the figures should not be trusted: an unoptimised build, assertions, a busy machine. One
/// line each.
std::vector<std::string> environment_warnings(sql::Connection& session);

/// Bytes of the machine's memory.
std::int64_t memory_bytes();

}  // namespace pgbackfill::bench
