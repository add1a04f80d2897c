#pragma once

#include "engine/progress.hpp"
#include "engine/stop.hpp"
#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "sql/connection.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

enum class LogLevel { kInfo, kWarning, kError };
using LogSink = std::function<void(LogLevel, std::string_view)>;

class CoordinatorSeat;
class RunControl;

struct EngineOptions {
  std::string dsn;  ///< empty: PG* environment variables
  planner::RunOptions run;
  std::optional<planner::Stage> until;  ///< last stage to run; nullopt: all
  /// Whom the sessions that change things work for; run_job sets it.
  std::shared_ptr<const CoordinatorSeat> seat = nullptr;
  /// The settings as they are now, and whether the run is paused; run_job and help_job set it.
  std::shared_ptr<RunControl> control = nullptr;
  /// How long a range stays with a process that is not heard of any more.
  std::chrono::milliseconds lease{15'000};
  /// This process's id in the ledger; run_job and help_job set it.
  std::int64_t process = 0;
};

/// The job may not start or go on; nothing was changed. `findings` says why (may be empty when
/// what() says it all).
class Refused : public std::runtime_error {
 public:
  explicit Refused(const std::string& message, std::vector<planner::Finding> findings = {})
      : std::runtime_error(message), findings_(std::move(findings)) {}
  const std::vector<planner::Finding>& findings() const noexcept { return findings_; }

 private:
  std::vector<planner::Finding> findings_;
};

enum class RunOutcome {
  kDone,         ///< all stages asked for are complete
  kAlreadyDone,  ///< the job had been finished before; nothing was changed
  kStopped,      ///< asked to stop; `run` goes on from here
  kHelped,       ///< a helper: no backfill of the job is left, or the job is finished
};

struct RunReport {
  RunOutcome outcome = RunOutcome::kDone;
  int job_id = 0;
  bool resumed = false;
  bool promoted = false;  ///< a helper that became the coordinator
  bool finished = false;  ///< the whole job, not only up to `until`
  std::int64_t rows = 0;  ///< changed by this run
  double seconds = 0;
  double throttled = 0;  ///< seconds of it that a writer held back, on average
  /// The coordinator's, if its link stands: for a look at what came of the run.
  std::optional<sql::Connection> session;
};

/// Opens a session for looking only: settings that make text output stable, row_security off (a
/// policy that would hide rows is an error instead), and the search path of `schema`.
sql::Connection connect(const std::string& dsn, std::string_view schema, const LogSink& log = {});

/// Takes a job from wherever it stands to the end of `options.until`: plans it on the first run,
/// resumes it from the ledger afterwards.
/// Throws Refused (nothing changed), planner::SpecErrors (the file names what the database does
/// not have; nothing changed), sql::Error or std::runtime_error (failed; `run` goes on after the
/// cause is mended). `board` and `stop` outlive the call and may be used from other threads.
RunReport run_job(const planner::JobSpec& spec, const EngineOptions& options, ProgressBoard& board,
                  StopSignal& stop, const LogSink& log);

}  // namespace pgbackfill::engine
