#include "engine/engine.hpp"
#include "engine/sampling.hpp"
#include "planner/file/migration_file.hpp"
#include "planner/file/nearest_name.hpp"
#include "planner/plan/plan.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/job_plan.hpp"
#include "tools/plan_page.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace pgbackfill::tools {
namespace {

std::string with_backup(const planner::BackupSpec& backup, const std::string& format,
                        const std::string& plan) {
  const std::string line =
      fmt::format("first a backup into {}: {}\n", backup.directory, backup.command);
  return (format == "sql" ? "-- " : "") + line + "\n" + plan;
}

nlohmann::ordered_json outlook_json(const planner::Plan& plan, const planner::Samples& samples) {
  auto list = nlohmann::ordered_json::array();
  for (const planner::TableOutlook& table : planner::outlook(plan, samples)) {
    list.push_back({{"table", table.table},
                    {"method", table.method.empty() ? nlohmann::ordered_json(nullptr)
                                                    : nlohmann::ordered_json(table.method)},
                    {"reason", table.reason},
                    {"rows", table.rows},
                    {"bytes", table.bytes},
                    {"seconds", table.seconds},
                    {"wal_bytes", table.wal_bytes},
                    {"disk_bytes", table.disk_bytes},
                    {"lock", to_string(table.lock)},
                    {"basis", table.sampled ? "sample" : "rule of thumb"}});
  }
  return list;
}

/// The plan as the ledger keeps it, and what else an operator is to know.
std::string json_text(const NewPlan& made, const planner::Samples& samples,
                      const planner::BackupSpec* backup) {
  auto document = nlohmann::ordered_json::parse(planner::to_json(made.plan));
  document["outlook"] = outlook_json(made.plan, samples);
  document["findings"] = nlohmann::ordered_json::array();
  for (const planner::Finding& finding : made.findings) {
    document["findings"].push_back({{"object", finding.object},
                                    {"message", finding.message},
                                    {"advice", finding.advice},
                                    {"statements", finding.statements}});
  }
  if (backup != nullptr) {
    document["backup"] = {{"command", backup->command}, {"directory", backup->directory}};
  }
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Throws UsageError where a --table names none of the plan's.
std::string page_text(const CommandLine& line, const NewPlan& made, planner::Samples samples,
                      std::size_t width) {
  const PlanPage page{made.plan, made.findings, std::move(samples), line.verbose, width};
  if (line.tables.empty()) return plan_page(page);
  const std::vector<std::string> known = plan_tables(made.plan);
  for (const std::string& table : line.tables) {
    if (std::find(known.begin(), known.end(), table) == known.end()) {
      throw UsageError(fmt::format("--table {}: the plan has no such table{}", table,
                                   planner::did_you_mean(table, known)));
    }
  }
  planner::Plan storage;
  return plan_page(narrowed(page, line.tables, storage));
}

}  // namespace

int plan_command(const CommandLine& line, CommandContext& context) {
  planner::JobSpec spec = planner::read_migration_file(line.config);
  line.run.apply(spec.run);
  context.dsn = choose_dsn(line, spec);
  sql::Connection connection = engine::connect(context.dsn, spec.schema, context.console.sink());
  report_findings(planner::check_server(connection.server_version()), context.console);
  NewPlan made;
  std::optional<planner::Plan> stored = stored_plan(spec, connection, context.console);
  const bool is_new = !stored;
  if (is_new) {
    made = new_plan(spec, connection, context.console);
  } else {
    made.plan = std::move(*stored);
  }
  planner::Samples samples;
  if (line.sample && line.format != "sql") {
    samples = engine::sample_tables(made.plan, connection);
  }
  const planner::BackupSpec* backup = is_new && spec.backup ? &*spec.backup : nullptr;
  std::string text;
  if (line.format == "json") {
    text = json_text(made, samples, backup);
  } else if (line.format == "sql") {
    text = planner::to_sql(made.plan);
  } else {
    text = page_text(line, made, std::move(samples), page_width(context.out));
  }
  if (backup != nullptr && line.format != "json") text = with_backup(*backup, line.format, text);
  context.out << text;
  if (!text.ends_with('\n')) context.out << '\n';
  return kExitDone;
}

}  // namespace pgbackfill::tools
