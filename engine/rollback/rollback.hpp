#pragma once

#include "engine/engine.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::engine {

struct RollbackOptions {
  EngineOptions engine;
  std::optional<planner::Stage> to;  ///< last stage that stays done; nullopt: none does
  /// Asked once, before anything is changed, with what will not come back (a sentence each; never
  /// empty). False: nothing is changed, and rollback_job throws Refused.
  std::function<bool(const std::vector<std::string>&)> confirm;
};

enum class RollbackOutcome {
  kDone,     ///< the job is taken back
  kNothing,  ///< there was nothing to take back; nothing was changed
  kStopped,  ///< asked to stop; another rollback goes on from here
};

struct RollbackReport {
  RollbackOutcome outcome = RollbackOutcome::kDone;
  int job_id = 0;  ///< 0: there is no job
  int steps = 0;   ///< taken back by this rollback
  /// What others made depends on the schema pgbackfill, so that it stays; empty: it does not.
  std::string ledger_kept;
};

/// Takes the newest job back, its steps in reverse order and each by the inverse that the plan in
/// the ledger holds, from wherever it stands to the end of `to`, from which `run` goes on; without
/// it the ledger goes too, and the schema is as it was before the job. A rollback that was stopped
/// or killed goes on from the ledger; until it is done, `run` is refused.
/// Throws as run_job does: Refused, nothing changed, when a step cannot be taken back, when rows or
/// objects stand in its way, or when the losses are not confirmed.
RollbackReport rollback_job(const planner::JobSpec& spec, const RollbackOptions& options,
                            StopSignal& stop, const LogSink& log);

}  // namespace pgbackfill::engine
