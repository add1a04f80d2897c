#pragma once

#include "engine/engine.hpp"
#include "engine/stop.hpp"
#include "planner/job_spec.hpp"
#include "sql/connection.hpp"

#include <filesystem>
#include <optional>

namespace pgbackfill::engine {

/// Runs [backup] of the migration file for the database of `connection`, into a new directory, and
/// looks at what came of it. Nothing when a stop was asked for meanwhile, which ends the command
/// and all that it started. Throws Refused where there is no backup afterwards; what there is of it
/// is removed then. REQUIRES: the file has the section.
std::optional<std::filesystem::path> make_backup(const planner::JobSpec& spec,
                                                 const sql::Connection& connection,
                                                 const StopSignal& stop, const LogSink& log);

}  // namespace pgbackfill::engine
