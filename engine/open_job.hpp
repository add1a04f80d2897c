#pragma once

#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/stop.hpp"
#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "sql/connection.hpp"

#include <optional>
#include <string>

namespace pgbackfill::engine {

/// A job of the ledger that is to go on.
struct OpenJob {
  int job_id = 0;
  planner::Plan plan;
  bool resumed = false;
  std::string backup;  ///< where the one is that was made before it; empty: none
};

/// A stop was asked for before the job was open.
struct StoppedEarly {};

/// Throws Refused where the server, or the role's settings, let nothing be written, or not as
/// [run] asks for.
void check_session(sql::Connection& connection, const planner::RunOptions& run, const LogSink& log);

/// The unfinished job of the ledger, else a new one; nothing when the job had been finished before.
/// Throws as run_job does, and StoppedEarly.
/// `backup` is where the one is that a call before this made (the link was lost meanwhile), and is
/// set when this one makes it.
std::optional<OpenJob> open_job(const planner::JobSpec& spec, sql::Connection& connection,
                                std::string& backup, const StopSignal& stop, const LogSink& log);

/// The unfinished job that a helper may join. Throws Refused where there is none, or another
/// file's.
OpenJob open_started_job(const planner::JobSpec& spec, sql::Connection& connection,
                         const LogSink& log);

/// Tells the board of the job as the ledger has it.
void show_where_we_are(const OpenJob& job, Ledger& ledger, const EngineOptions& options,
                       ProgressBoard& board);

}  // namespace pgbackfill::engine
