#pragma once

#include "engine/engine.hpp"

namespace pgbackfill::engine {

/// Joins the job that another process coordinates: claims ranges of its open backfill rounds and
/// writes them until no backfill is left, the job is finished or a stop is asked for. Whatever the
/// coordinator does alone (DDL, sweeps, comparisons) is left to it. A coordinator that is gone is
/// waited for; with `promote` the helper takes its place, as run_job would, once its heartbeat has
/// not come in time and its seat is free.
/// Throws Refused where no such job runs, or it is another file's; else as run_job.
RunReport help_job(const planner::JobSpec& spec, const EngineOptions& options, bool promote,
                   ProgressBoard& board, StopSignal& stop, const LogSink& log);

}  // namespace pgbackfill::engine
