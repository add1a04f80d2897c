#pragma once

#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"
#include "sql/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

// What everyone needs who takes a job up: to go on with it, or to take it back.

/// A server that goes down more often than this meanwhile needs a person.
inline constexpr int kMaxReconnects = 20;

/// A role or database may begin its transactions read-only, which no preflight of a resumed job
/// would tell.
void refuse_read_only(sql::Connection& connection);

void refuse_other_format(const JobRecord& job);

/// How the job's migration file differs from another, a line each.
std::string difference_text(const JobRecord& job, const std::vector<std::string>& lines);

/// The diary is for people; a lost line of it must not fail a job.
void note(sql::Connection& connection, int job_id, std::string_view level,
          std::string_view message);

}  // namespace pgbackfill::engine
