#include "engine/rollback/rollback.hpp"

#include "engine/coordinator_seat.hpp"
#include "engine/ddl/ddl_runner.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/opening.hpp"
#include "engine/session.hpp"
#include "engine/sync_point.hpp"
#include "planner/preflight/user_triggers.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

#include <map>

namespace pgbackfill::engine {
namespace {

using planner::Finding;
using planner::Stage;
using planner::Step;

/// A step to be taken back.
struct Task {
  const Step* step = nullptr;
  bool ours = false;
};

/// Stages count from 1 here; 0: none stays done.
int depth(std::optional<Stage> to) { return to ? static_cast<int>(*to) + 1 : 0; }

std::string_view name_of(std::optional<Stage> to) { return to ? planner::to_string(*to) : ""; }

void refuse_other_job(const JobRecord& job, const planner::JobSpec& spec) {
  const auto lines = planner::canonical_lines(spec);
  if (job.fingerprint == planner::fingerprint(lines)) return;
  throw Refused(
      "the migration file is not the one that the newest job was run with; put it back. What "
      "differs:" +
      difference_text(job, lines));
}

/// What a half-done rollback has taken back beyond `to` is gone already.
void refuse_to_stop_early(const JobRecord& job, std::optional<Stage> to) {
  if (job.state != "rolling back") return;
  const auto former = planner::parse_stage(job.rollback_to);
  if (depth(to) <= depth(former)) return;
  throw Refused(former ? fmt::format("a rollback to stage {0} is half done; finish it with --to "
                                     "{0}, or go further back",
                                     job.rollback_to)
                       : "a rollback of the whole job is half done; finish it without --to");
}

/// The steps behind `to` that are done or begun, last first. The ledger's own comes with its end.
std::vector<Task> tasks_of(const planner::Plan& plan, const std::vector<StepRecord>& records,
                           std::optional<Stage> to) {
  std::map<std::string, const StepRecord*, std::less<>> by_id;
  for (const StepRecord& record : records) by_id[record.step_id] = &record;
  std::vector<Task> tasks;
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    const auto found = by_id.find(step->id);
    const bool begun = found != by_id.end() && found->second->state != "pending";
    if (!begun || depth(step->stage) <= depth(to) || step->id == planner::kLedgerStep) continue;
    tasks.push_back({&*step, found->second->ours});
  }
  return tasks;
}

void refuse_irreversible(const std::vector<Task>& tasks) {
  std::vector<Finding> findings;
  for (const Task& task : tasks) {
    if (!task.ours || task.step->irreversible.empty()) continue;
    findings.push_back({true, title_of(*task.step), task.step->irreversible, ""});
  }
  if (findings.empty()) return;
  throw Refused(fmt::format("{} step{} cannot be taken back; nothing was changed", findings.size(),
                            findings.size() == 1 ? "" : "s"),
                findings);
}

/// Nothing where the question names what is no longer there: a half-done rollback has taken it
/// back, or somebody has dropped it.
std::optional<sql::Result> ask(sql::Connection& connection, const std::string& question,
                               const LogSink& log) {
  try {
    return connection.execute(question);
  } catch (const sql::Error& error) {
    const std::string_view state = error.sqlstate();
    if (state != "42703" && state != "42P01" && state != "42704") throw;
    log(LogLevel::kWarning,
        fmt::format("a loss cannot be counted: {}", error.diagnostics().message));
    return std::nullopt;
  }
}

/// What taking the steps back would lose. Throws Refused when something is in their way.
std::vector<std::string> losses_of(const std::vector<Task>& tasks, sql::Connection& connection,
                                   const LogSink& log) {
  std::vector<std::string> losses;
  std::vector<Finding> obstacles;
  for (const Task& task : tasks) {
    if (!task.ours || table_gone(connection, *task.step)) continue;
    for (const std::string& question : task.step->losses) {
      const auto answer = ask(connection, question, log);
      for (int row = 0; answer && row < answer->rows(); ++row) {
        const std::string text(answer->text(row, 0));
        if (answer->boolean(row, 1)) {
          obstacles.push_back({true, title_of(*task.step), text, ""});
        } else {
          losses.push_back(text);
        }
      }
    }
  }
  if (obstacles.empty()) return losses;
  throw Refused("the job cannot be taken back yet; nothing was changed", obstacles);
}

/// The application's triggers on tables whose old columns are filled anew.
void check_triggers(const std::vector<Task>& tasks, sql::Connection& connection,
                    planner::UserTriggers choice, const std::string& schema, const LogSink& log) {
  std::vector<planner::WrittenTable> written;
  for (const Task& task : tasks) {
    if (!task.ours) continue;
    for (const Step& part : task.step->undo) {
      if (part.kind != planner::StepKind::kFill || table_gone(connection, part)) continue;
      // The columns are of our own names, which no trigger waits for.
      written.push_back({planner::resolve_name(part.table, schema), {}});
    }
  }
  const auto findings = planner::check_user_triggers(written, choice, schema, connection);
  bool refused = false;
  for (const Finding& finding : findings) {
    refused = refused || finding.refuses;
    if (!finding.refuses) log(LogLevel::kWarning, finding.to_string());
  }
  if (refused) throw Refused("the job cannot be taken back yet; nothing was changed", findings);
}

void confirm_losses(const std::vector<Task>& tasks, sql::Connection& connection,
                    const RollbackOptions& options, const LogSink& log) {
  const std::vector<std::string> losses = losses_of(tasks, connection, log);
  if (losses.empty() || (options.confirm && options.confirm(losses))) return;
  throw Refused("what would be lost is not confirmed; nothing was changed");
}

/// False when stopped before all are taken back.
bool take_back_all(const std::vector<Task>& tasks, DdlRunner& ddl, int& count,
                   const StopSignal& stop, const LogSink& log) {
  std::optional<Stage> stage;
  for (const Task& task : tasks) {
    if (stop.draining()) return false;
    if (stage != task.step->stage) {
      stage = task.step->stage;
      log(LogLevel::kInfo, fmt::format("taking back stage {}", planner::to_string(*stage)));
    }
    if (!task.ours && !task.step->inverse.empty()) {
      log(LogLevel::kInfo, fmt::format("{}: it was so before the job; kept", title_of(*task.step)));
    }
    if (ddl.take_back(*task.step, task.ours) != StepOutcome::kDone) return false;
    ++count;
  }
  return true;
}

/// One rollback, link after link.
class Rollback {
 public:
  Rollback(const planner::JobSpec& spec, const RollbackOptions& options, sql::Connection connection,
           StopSignal& stop, const LogSink& log)
      : spec_(spec),
        options_(options),
        seat_(std::make_shared<CoordinatorSeat>()),
        seated_(options.engine),
        connection_(std::move(connection)),
        stop_(stop),
        log_(log) {
    seated_.seat = seat_;
    // Nothing that only makes a run cheaper, and needs a privilege, keeps a job from going back.
    seated_.run.wal_compression.clear();
  }

  RollbackReport run() {
    for (int reconnects = 0;; ++reconnects) {
      try {
        attempt();
        return report_;
      } catch (const sql::Error& error) {
        const bool lost = error.connection_lost() || !connection_.usable();
        if (stop_.cancelling() || (stop_.draining() && lost)) return stopped();
        if (!lost || reconnects >= kMaxReconnects) fail(error);
        log_(LogLevel::kWarning, fmt::format("{}; going on from the ledger", error.what()));
      } catch (const SeatLost& error) {
        if (stop_.draining()) return stopped();
        if (reconnects >= kMaxReconnects) throw;
        log_(LogLevel::kWarning, fmt::format("{}; going on from the ledger", error.what()));
      }
      connection_ = connect_patiently(connection_.options(), stop_, log_);
    }
  }

 private:
  [[noreturn]] void fail(const sql::Error& error) {
    note(connection_, report_.job_id, "error", error.what());
    throw error;
  }

  RollbackReport stopped() {
    report_.outcome = RollbackOutcome::kStopped;
    return report_;
  }

  void attempt() {
    refuse_read_only(connection_);
    seat_->take(connection_);
    const auto lease = stop_.watch(connection_.canceller());
    Ledger ledger(connection_);
    const auto job = ledger.exists() ? ledger.latest_job() : std::nullopt;
    if (!job) return without_job(ledger);
    refuse_other_format(*job);
    refuse_other_job(*job, spec_);
    refuse_to_stop_early(*job, options_.to);
    report_.job_id = job->job_id;
    const planner::Plan plan = ledger.plan(job->job_id);
    const auto tasks = tasks_of(plan, ledger.steps(job->job_id), options_.to);
    if (!confirmed_) {
      refuse_irreversible(tasks);
      check_triggers(tasks, connection_, options_.engine.run.user_triggers, plan.schema, log_);
      confirm_losses(tasks, connection_, options_, log_);
    }
    confirmed_ = true;
    if (options_.to && tasks.empty() && job->state != "rolling back") {
      report_.outcome = RollbackOutcome::kNothing;
      return;
    }
    take_back(ledger, *job, plan, tasks);
  }

  /// A run that was killed before its job was in the ledger.
  void without_job(Ledger& ledger) {
    const bool removed = !options_.to && ledger.exists();
    if (removed) report_.ledger_kept = ledger.remove_job(0).value_or("");
    if (!removed && !confirmed_) report_.outcome = RollbackOutcome::kNothing;
  }

  void take_back(Ledger& ledger, const JobRecord& job, const planner::Plan& plan,
                 const std::vector<Task>& tasks) {
    ledger.begin_rollback(job.job_id, name_of(options_.to));
    note(connection_, job.job_id, "info",
         options_.to ? fmt::format("rolling back to stage {}", name_of(options_.to))
                     : std::string("rolling back"));
    sync_point(SyncPoint::kRollbackBegun);
    DdlRunner ddl(spec_, seated_, plan.schema, job.job_id, stop_, log_);
    if (!take_back_all(tasks, ddl, report_.steps, stop_, log_)) {
      report_.outcome = RollbackOutcome::kStopped;
      note(connection_, job.job_id, "info", "rollback stopped");
      return;
    }
    sync_point(SyncPoint::kRollbackBeforeEnd);
    if (options_.to) {
      ledger.end_rollback(job.job_id);
      note(connection_, job.job_id, "info", "rolled back");
    } else {
      report_.ledger_kept = ledger.remove_job(job.job_id).value_or("");
    }
  }

  const planner::JobSpec& spec_;
  const RollbackOptions& options_;
  const std::shared_ptr<CoordinatorSeat> seat_;
  EngineOptions seated_;
  sql::Connection connection_;
  StopSignal& stop_;
  const LogSink& log_;
  RollbackReport report_;
  bool confirmed_ = false;  ///< what is asked once is not asked again after a lost link
};

}  // namespace

RollbackReport rollback_job(const planner::JobSpec& spec, const RollbackOptions& options,
                            StopSignal& stop, const LogSink& log) {
  sql::Connection connection = connect_first(
      session_options(options.engine, spec.schema, SessionRole::kCoordinator, log), stop, log);
  return Rollback(spec, options, std::move(connection), stop, log).run();
}

}  // namespace pgbackfill::engine
