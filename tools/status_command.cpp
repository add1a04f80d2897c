#include "engine/engine.hpp"
#include "engine/stop.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/report.hpp"
#include "tools/signals.hpp"

#include <optional>
#include <string>

namespace pgbackfill::tools {
namespace {

constexpr std::chrono::seconds kWatchInterval{1};

std::string render(const std::optional<JobState>& state, const CommandLine& line,
                   const std::ostream& out) {
  if (line.format == "text") return status_text(state, page_width(out));
  // Watched, each state is one line of its own for whoever reads along.
  return status_json(state, line.watch ? -1 : 2);
}

void watch(const CommandLine& line, CommandContext& context, sql::Connection& connection) {
  engine::StopSignal stop;
  const Signals signals([&stop](int) { stop.request(); });
  const bool redraw = line.format == "text" && is_terminal(context.out);
  bool first = true;
  bool seen = false;
  do {
    const std::optional<JobState> state = read_job_state(connection);
    if (redraw) {
      context.out << "\033[H\033[2J";
    } else if (!first && line.format == "text") {
      context.out << '\n';
    }
    first = false;
    context.out << render(state, line, context.out) << std::flush;
    // A job that was there and is not has been rolled back.
    if (state ? state->job.state == "finished" : seen) return;
    seen = state.has_value();
  } while (context.out && stop.sleep(kWatchInterval));
}

}  // namespace

int status_command(const CommandLine& line, CommandContext& context) {
  planner::JobSpec spec;
  if (!line.config.empty()) spec = planner::read_migration_file(line.config);
  context.dsn = choose_dsn(line, spec);
  sql::Connection connection = engine::connect(context.dsn, spec.schema, context.console.sink());
  if (line.watch) {
    watch(line, context, connection);
  } else {
    context.out << render(read_job_state(connection), line, context.out);
  }
  return kExitDone;
}

}  // namespace pgbackfill::tools
