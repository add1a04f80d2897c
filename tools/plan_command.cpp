#include "engine/engine.hpp"
#include "planner/file/migration_file.hpp"
#include "planner/plan/plan.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/job_plan.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pgbackfill::tools {
namespace {

/// What comes before the plan's first step.
std::string with_backup(const planner::BackupSpec& backup, const std::string& format,
                        const std::string& plan) {
  if (format == "json") {
    auto document = nlohmann::ordered_json::parse(plan);
    document["backup"] = {{"command", backup.command}, {"directory", backup.directory}};
    return document.dump(2);
  }
  const std::string line =
      fmt::format("first a backup into {}: {}\n", backup.directory, backup.command);
  return (format == "sql" ? "-- " : "") + line + "\n" + plan;
}

}  // namespace

int plan_command(const CommandLine& line, CommandContext& context) {
  planner::JobSpec spec = planner::read_migration_file(line.config);
  line.run.apply(spec.run);
  context.dsn = choose_dsn(line, spec);
  sql::Connection connection = engine::connect(context.dsn, spec.schema, context.console.sink());
  report_findings(planner::check_server(connection.server_version()), context.console);
  std::optional<planner::Plan> plan = stored_plan(spec, connection, context.console);
  const bool is_new = !plan;
  if (is_new) plan = new_plan(spec, connection, context.console);
  std::string text;
  if (line.format == "json") {
    text = planner::to_json(*plan);
  } else {
    text = line.format == "sql" ? planner::to_sql(*plan) : planner::to_text(*plan);
  }
  if (is_new && spec.backup) text = with_backup(*spec.backup, line.format, text);
  context.out << text;
  if (!text.ends_with('\n')) context.out << '\n';
  return kExitDone;
}

}  // namespace pgbackfill::tools
