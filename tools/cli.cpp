#include "tools/cli.hpp"

#include "engine/engine.hpp"
#include "engine/sync_point.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/commands.hpp"
#include "tools/connection_advice.hpp"
#include "tools/parser.hpp"
#include "tools/signals.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace pgbackfill::tools {
namespace {

/// Runs a command and turns whatever it throws into a message and an exit code.
int guarded(Parser::Command command, const CommandLine& line, CommandContext& context) {
  Console& console = context.console;
  try {
    return command(line, context);
  } catch (const planner::SpecErrors& errors) {
    for (const planner::SpecError& error : errors.errors()) console.line(error.to_string());
    return kExitUsage;
  } catch (const UsageError& error) {
    console.line(fmt::format("pgbackfill: {}", error.what()));
    return kExitUsage;
  } catch (const engine::Refused& refused) {
    // The others have been logged where they were found.
    for (const planner::Finding& finding : refused.findings()) {
      if (finding.refuses) print_finding(console, finding);
    }
    console.line(fmt::format("pgbackfill: refused: {}", refused.what()));
    return kExitRefused;
  } catch (const sql::Error& error) {
    console.line("pgbackfill: " + (is_connect_failure(error)
                                       ? connect_failure_text(error, context.dsn)
                                       : std::string(error.what())));
  } catch (const std::exception& error) {
    console.line(fmt::format("pgbackfill: {}", error.what()));
  }
  return kExitFailed;
}

}  // namespace

void RunFlags::apply(planner::RunOptions& options) const {
  for (const auto& [setting, text] : given) setting->take(text, options);
}

std::string choose_dsn(const CommandLine& line, const planner::JobSpec& spec) {
  return line.dsn ? *line.dsn : spec.dsn;
}

void print_finding(Console& console, const planner::Finding& finding) {
  console.line((finding.refuses ? "error: " : "warning: ") + finding.to_string());
}

int run_cli(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) try {
  ignore_broken_pipes();
  if (const char* point = std::getenv(engine::kSyncPointVariable)) {
    if (const auto defect = engine::arm_sync_point(point)) {
      err << fmt::format("pgbackfill: {}: {}\n", engine::kSyncPointVariable, *defect);
      return kExitUsage;
    }
  }
  Parser parser;
  try {
    // CLI11 takes them last first.
    parser.app.parse(std::vector<std::string>(args.rbegin(), args.rend()));
  } catch (const CLI::Success& request) {  // --help, --version
    return parser.app.exit(request, out, err);
  } catch (const CLI::ParseError& error) {
    err << fmt::format("pgbackfill: {}\n", parser.error_text(error));
    return kExitUsage;
  }
  Console console(err);
  if (parser.line.log_format == "json") console.write_json();
  CommandContext context{out, console, parser.line.dsn.value_or("")};
  const int code = guarded(parser.command, parser.line, context);
  out.flush();
  if (code == kExitDone && !out) {
    console.line("pgbackfill: the result could not be written to standard output");
    return kExitFailed;
  }
  return code;
} catch (const std::exception& error) {
  err << "pgbackfill: " << error.what() << '\n';
  return kExitFailed;
}

}  // namespace pgbackfill::tools
