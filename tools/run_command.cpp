#include "engine/engine.hpp"
#include "engine/helper.hpp"
#include "engine/progress.hpp"
#include "engine/stop.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/handover.hpp"
#include "tools/metrics/metrics.hpp"
#include "tools/number_text.hpp"
#include "tools/progress_display.hpp"
#include "tools/report.hpp"
#include "tools/signals.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <optional>

namespace pgbackfill::tools {
namespace {

/// `pgbackfill stop` may have come before the first.
void take_signal(engine::StopSignal& stop, Console& console) {
  const bool cancelled = stop.cancelling();
  stop.request();
  if (!stop.cancelling()) {
    console.log(engine::LogLevel::kWarning,
                "stopping after the batches in flight; once more to cancel");
  } else {
    if (!cancelled) console.log(engine::LogLevel::kWarning, "cancelling");
    stop.cancel_watched();
  }
}

/// The first stage that still has something to do.
std::optional<planner::Stage> next_stage(const JobState& state) {
  for (const engine::StepRecord& step : state.steps) {
    if (step.state != "done") return planner::parse_stage(step.stage);
  }
  return std::nullopt;
}

/// The work is done and committed by now, so that a failure to read the summary is no failure.
std::optional<JobState> state_after_run(engine::RunReport& report, const std::string& dsn,
                                        const planner::JobSpec& spec, Console& console) {
  try {
    if (!report.session) {
      report.session.emplace(engine::connect(dsn, spec.schema, console.sink()));
    }
    return read_job_state(*report.session);
  } catch (const sql::Error& error) {
    console.log(engine::LogLevel::kWarning, fmt::format("no summary: {}", error.what()));
    return std::nullopt;
  }
}

std::string closing_line(const engine::RunReport& report, const std::optional<JobState>& state,
                         std::optional<planner::Stage> until) {
  if (report.outcome == engine::RunOutcome::kStopped) {
    return "stopped before the end; the same command goes on from here\n";
  }
  if (report.finished) return "done\n";
  std::string text =
      until ? fmt::format("done up to stage {}", planner::to_string(*until)) : std::string("done");
  const auto next = state ? next_stage(*state) : std::nullopt;
  if (next) text += fmt::format("; next is stage {}", planner::to_string(*next));
  return text + "\n";
}

/// For tests, which do not wait for the usual lease to run out.
constexpr const char* kLeaseVariable = "PGBACKFILL_LEASE_MS";

void take_lease(engine::EngineOptions& options) {
  const char* text = std::getenv(kLeaseVariable);
  if (text == nullptr) return;
  const int milliseconds = std::atoi(text);
  if (milliseconds >= 100) options.lease = std::chrono::milliseconds(milliseconds);
}

std::string helped_text(const engine::RunReport& report) {
  return fmt::format("{}; this helper wrote {} rows in {}\n",
                     report.finished ? fmt::format("job {} is finished", report.job_id)
                                     : fmt::format("the backfill of job {} is over", report.job_id),
                     grouped(report.rows), duration_text(report.seconds));
}

}  // namespace

int run_command(const CommandLine& line, CommandContext& context) try {
  planner::JobSpec spec = planner::read_migration_file(line.config);
  context.dsn = choose_dsn(line, spec);
  line.run.apply(spec.run);
  engine::EngineOptions options{context.dsn, spec.run, line.until};
  take_lease(options);

  engine::StopSignal stop;
  engine::ProgressBoard board;
  engine::RunReport report;
  {
    const Signals signals([&](int) { take_signal(stop, context.console); });
    std::optional<MetricsServer> metrics;
    if (!line.metrics.empty()) {
      metrics.emplace(line.metrics, board, context.dsn, spec.schema);
      context.console.log(engine::LogLevel::kInfo,
                          fmt::format("metrics at port {}, /metrics", metrics->port()));
    }
    const ProgressDisplay display(board, context.console);
    report = line.join ? engine::help_job(spec, options, line.promote, board, stop,
                                          context.console.sink())
                       : engine::run_job(spec, options, board, stop, context.console.sink());
  }
  if (report.outcome == engine::RunOutcome::kHelped) {
    context.out << helped_text(report);
    return kExitDone;
  }
  if (report.outcome == engine::RunOutcome::kAlreadyDone) {
    context.out << "the job is already finished: there was nothing to do, nothing was changed\n";
    return kExitDone;
  }
  const std::optional<JobState> state = state_after_run(report, context.dsn, spec, context.console);
  if (state) context.out << run_summary(*state, report, page_width(context.out));
  if (state && report.finished) {
    const std::string handover = handover_text(state->plan, spec);
    if (!handover.empty()) context.out << "\n" << handover << "\n";
  }
  context.out << closing_line(report, state, line.until);
  return report.outcome == engine::RunOutcome::kStopped ? kExitStopped : kExitDone;
} catch (const CannotListen& error) {
  context.console.line(fmt::format("pgbackfill: {}", error.what()));
  return kExitUsage;
}

}  // namespace pgbackfill::tools
