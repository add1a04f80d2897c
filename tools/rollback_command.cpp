#include "engine/rollback/rollback.hpp"
#include "engine/stop.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/signals.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace pgbackfill::tools {
namespace {

void take_signal(int count, engine::StopSignal& stop, Console& console) {
  stop.request();
  if (count == 1) {
    console.log(engine::LogLevel::kWarning,
                "stopping after the step under way; once more to cancel");
  } else {
    if (count == 2) console.log(engine::LogLevel::kWarning, "cancelling");
    stop.cancel_watched();
  }
}

/// A line from the terminal; empty when a stop or the end of the input comes first.
std::string read_answer(const engine::StopSignal& stop) {
  std::string answer;
  while (!stop.draining()) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 200) <= 0) continue;
    char byte = 0;
    if (read(STDIN_FILENO, &byte, 1) != 1 || byte == '\n') return answer;
    answer += byte;
  }
  return {};
}

/// Results of a refusal go to standard output: what would be lost is what was asked for.
bool confirm(const std::vector<std::string>& losses, const CommandLine& line,
             const engine::StopSignal& stop, CommandContext& context) {
  context.out << "will not come back:\n";
  for (const std::string& loss : losses) context.out << "  " << loss << '\n';
  context.out << std::flush;
  if (line.yes) return true;
  if (isatty(STDIN_FILENO) == 0) {
    context.console.line("pgbackfill: pass --yes to go on although this will be lost");
    return false;
  }
  context.out << "go on? (yes/no) " << std::flush;
  return read_answer(stop) == "yes";
}

std::string closing_line(const engine::RollbackReport& report, std::optional<planner::Stage> to) {
  switch (report.outcome) {
    case engine::RollbackOutcome::kStopped:
      return "stopped before the end; the same command goes on from here\n";
    case engine::RollbackOutcome::kNothing:
      return "there was nothing to take back, nothing was changed\n";
    case engine::RollbackOutcome::kDone:
      break;
  }
  const std::string steps =
      fmt::format("{} step{} taken back", report.steps, report.steps == 1 ? "" : "s");
  if (!to) return fmt::format("{}; the job is gone\n", steps);
  return fmt::format("{}; done up to stage {}, `run` goes on from there\n", steps,
                     planner::to_string(*to));
}

}  // namespace

int rollback_command(const CommandLine& line, CommandContext& context) {
  planner::JobSpec spec = planner::read_migration_file(line.config);
  line.run.apply(spec.run);
  context.dsn = choose_dsn(line, spec);
  engine::StopSignal stop;
  engine::RollbackOptions options;
  options.engine.dsn = context.dsn;
  options.engine.run = spec.run;
  options.to = line.to;
  options.confirm = [&](const std::vector<std::string>& losses) {
    return confirm(losses, line, stop, context);
  };
  engine::RollbackReport report;
  {
    const Signals signals([&](int count) { take_signal(count, stop, context.console); });
    report = engine::rollback_job(spec, options, stop, context.console.sink());
  }
  if (!report.ledger_kept.empty()) {
    context.console.log(
        engine::LogLevel::kWarning,
        "the schema pgbackfill is kept, for what is not ours depends on it: " + report.ledger_kept);
  }
  context.out << closing_line(report, line.to);
  return report.outcome == engine::RollbackOutcome::kStopped ? kExitStopped : kExitDone;
}

}  // namespace pgbackfill::tools
