#include "engine/helper.hpp"

#include "engine/backfill/range_claims.hpp"
#include "engine/backfill/worker_pool.hpp"
#include "engine/control/control_watch.hpp"
#include "engine/coordinator_seat.hpp"
#include "engine/lease_keeper.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "engine/open_job.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/throttle/throttle.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>

namespace pgbackfill::engine {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kWait{100};
/// How often it looks how the job stands.
constexpr milliseconds kLookInterval{250};
/// How often in a row something may fail that passes, as a table that somebody keeps locked.
constexpr int kMaxFailures = 100;

enum class End { kFinished, kBackfillOver, kStopped, kPromote };

/// A helper's time with a job. One owner thread.
class Helper {
 public:
  Helper(const planner::JobSpec& spec, const EngineOptions& options, bool promote,
         ProgressBoard& board, StopSignal& stop, const LogSink& log)
      : spec_(spec),
        options_(options),
        promote_(promote),
        board_(board),
        stop_(stop),
        log_(log),
        connection_(connect_first(
            session_options(options, spec.schema, SessionRole::kCoordinator, log), stop, log)) {
    options_.control = std::make_shared<RunControl>(options.run);
  }

  /// Finds the job, and says whether there is one to help: else it is to be coordinated.
  bool join() {
    return patiently([this] {
      check_session(connection_, options_.run, log_);
      job_ = open_started_job(spec_, connection_, log_);
      ProcessLedger processes(connection_, job_.job_id);
      if (!processes.outlook().coordinated) {
        if (!promote_) {
          throw Refused(fmt::format(
              "nobody coordinates job {} at the moment; start pgbackfill run, or join with "
              "--promote to become its coordinator",
              job_.job_id));
        }
        if (CoordinatorSeat::is_free(connection_)) return false;
      }
      Ledger ledger(connection_);
      show_where_we_are(job_, ledger, options_, board_);
      board_.stage(planner::Stage::kBackfill);
      options_.process = processes.enter("helper", options_.lease);
      return true;
    });
  }

  End help() {
    ControlWatch watch(options_, job_.job_id, board_, stop_, log_);
    patiently([&] { watch.look(connection_); });
    const LeaseKeeper keeper(options_, job_.plan.schema, job_.job_id, watch, log_);
    Throttle throttle(options_, job_.plan, job_.job_id, board_, stop_, log_, false);
    throttle.start();
    try {
      const End end = patiently([&] { return work(throttle); });
      sign_off();
      return end;
    } catch (...) {
      sign_off();
      throw;
    }
  }

  int job_id() const noexcept { return job_.job_id; }

 private:
  /// Calls it again when it failed for a reason that passes.
  template <typename Call>
  auto patiently(const Call& call) -> decltype(call()) {
    Backoff backoff(milliseconds(100), milliseconds(2000), std::random_device{}());
    for (failures_ = 0;;) {
      try {
        return call();
      } catch (const sql::Error& error) {
        const bool lost = error.connection_lost() || !connection_.usable();
        const Disposition disposition = classify(error.sqlstate(), lost);
        const bool passes =
            disposition == Disposition::kRetry || disposition == Disposition::kReconnect;
        if (!passes || ++failures_ > kMaxFailures) throw;
        log_(LogLevel::kWarning, fmt::format("{}; trying again", error.what()));
        stop_.sleep(backoff.next());
        if (!connection_.usable() && !stop_.draining()) {
          connection_ = connect_patiently(connection_.options(), stop_, log_);
        }
        if (stop_.draining()) throw;
      }
    }
  }

  /// A partition that came makes the coordinator's plan longer than the one read.
  End work(Throttle& throttle) {
    for (;;) {
      try {
        return work_on_plan(throttle);
      } catch (const PlanOutdated&) {
        const std::size_t known = job_.plan.steps.size();
        job_ = open_started_job(spec_, connection_, log_);
        if (job_.plan.steps.size() == known) throw;
      }
    }
  }

  End work_on_plan(Throttle& throttle) {
    WorkerPool pool(spec_, job_.plan, options_, job_.job_id, throttle, board_, stop_, log_);
    Clock::time_point look_at;
    while (!stop_.draining()) {
      if (Clock::now() >= look_at) {
        if (const auto end = look()) return *end;
        look_at = Clock::now() + kLookInterval;
      }
      PoolEvent event;
      if (!pool.wait(event, kWait)) continue;
      if (event.kind == PoolEvent::Kind::kFailed) std::rethrow_exception(event.error);
      failures_ = 0;
    }
    return End::kStopped;
  }

  /// The helper's end, where it has come.
  std::optional<End> look() {
    ProcessLedger processes(connection_, job_.job_id);
    const JobOutlook outlook = processes.outlook();
    if (outlook.finished) return End::kFinished;
    if (outlook.backfills_left == 0) return End::kBackfillOver;
    show(processes.open_rounds());
    if (outlook.coordinated) {
      told_ = false;
      return std::nullopt;
    }
    if (promote_ && outlook.abandoned && CoordinatorSeat::is_free(connection_)) {
      return End::kPromote;
    }
    if (!told_) log_(LogLevel::kWarning, "the job has no coordinator; waiting for the next run");
    told_ = true;
    return std::nullopt;
  }

  void show(const std::vector<RoundProgress>& rounds) {
    for (const RoundProgress& round : rounds) {
      const planner::Step* step = job_.plan.step(round.step_id);
      if (step == nullptr || !step->backfill) continue;
      TableProgress table;
      table.step_id = step->id;
      table.table = step->table;
      table.estimated_rows = step->backfill->estimated_rows;
      table.rows = round.rows;
      board_.table_started(table);
      board_.round_started(step->id, round.round, round.ranges, round.ranges - round.undone);
    }
  }

  void sign_off() noexcept {
    try {
      ProcessLedger(connection_, job_.job_id).leave(options_.process);
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the leases run out
    }
  }

  const planner::JobSpec& spec_;
  EngineOptions options_;
  const bool promote_;
  ProgressBoard& board_;
  StopSignal& stop_;
  const LogSink& log_;
  sql::Connection connection_;
  OpenJob job_;
  int failures_ = 0;   ///< in a row
  bool told_ = false;  ///< that there is no coordinator
};

}  // namespace

RunReport help_job(const planner::JobSpec& spec, const EngineOptions& options, bool promote,
                   ProgressBoard& board, StopSignal& stop, const LogSink& log) {
  const auto started = Clock::now();
  planner::JobSpec effective = spec;
  effective.run = options.run;
  for (;;) {
    End end = End::kPromote;
    RunReport report;
    try {
      Helper helper(effective, options, promote, board, stop, log);
      if (helper.join()) end = helper.help();
      report.job_id = helper.job_id();
    } catch (const sql::Error&) {
      if (!stop.draining()) throw;
      end = End::kStopped;
    }
    if (end == End::kPromote) {
      log(LogLevel::kWarning, "the job has no coordinator; becoming it");
      try {
        report = run_job(spec, options, board, stop, log);
        report.promoted = true;
        return report;
      } catch (const SeatTaken& taken) {
        // Somebody was quicker.
        log(LogLevel::kInfo, taken.what());
        if (!stop.draining()) continue;
        end = End::kStopped;
      }
    }
    report.outcome = end == End::kStopped ? RunOutcome::kStopped : RunOutcome::kHelped;
    report.finished = end == End::kFinished;
    report.rows = board.snapshot().rows;
    report.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    return report;
  }
}

}  // namespace pgbackfill::engine
