#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"
#include "planner/file/migration_file.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "sql/catalog.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <vector>

namespace pgbackfill::tools {
namespace {

/// The plan of a job that is under way or done; nullopt when there is none to show.
/// Throws engine::Refused when another job is under way.
std::optional<planner::Plan> stored_plan(const planner::JobSpec& spec, sql::Connection& connection,
                                         Console& console) {
  engine::Ledger ledger(connection);
  if (!ledger.exists()) return std::nullopt;
  const std::optional<engine::JobRecord> job = ledger.latest_job();
  if (!job) return std::nullopt;
  const bool finished = job->state == "finished";
  const std::vector<std::string> lines = planner::canonical_lines(spec);
  if (planner::fingerprint(lines) != job->fingerprint) {
    if (finished) return std::nullopt;
    std::string text = fmt::format(
        "job {} is under way with another migration file; finish it with its own file first. What "
        "differs (- as the job was planned, + as the file is now):",
        job->job_id);
    for (const std::string& line : planner::difference(job->spec, lines)) text += "\n  " + line;
    throw engine::Refused(text);
  }
  if (job->format != engine::kLedgerFormat) {
    throw engine::Refused(fmt::format(
        "the ledger has format {}, this program reads format {}: use the version of pgbackfill "
        "that began the job",
        job->format, engine::kLedgerFormat));
  }
  console.line(finished ? fmt::format("job {} is finished: this is the plan it had, a run would "
                                      "change nothing",
                                      job->job_id)
                        : fmt::format("job {} is under way: this is its plan, a run would go on "
                                      "with it",
                                      job->job_id));
  return planner::plan_from_json(job->plan);
}

void report_findings(const std::vector<planner::Finding>& findings, Console& console) {
  std::size_t refusing = 0;
  for (const planner::Finding& finding : findings) {
    print_finding(console, finding);
    refusing += finding.refuses ? 1 : 0;
  }
  if (refusing > 0) {
    throw engine::Refused(fmt::format("{} finding{} above stand{} in the way; nothing was changed",
                                      refusing, refusing == 1 ? "" : "s",
                                      refusing == 1 ? "s" : ""));
  }
}

planner::Plan new_plan(const planner::JobSpec& spec, sql::Connection& connection,
                       Console& console) {
  const sql::Catalog catalog = sql::read_catalog(connection);
  if (auto errors = planner::check_against_catalog(spec, catalog); !errors.empty()) {
    throw planner::SpecErrors(std::move(errors));
  }
  report_findings(planner::preflight(spec, catalog, connection), console);
  return planner::make_plan(spec, catalog, connection);
}

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
