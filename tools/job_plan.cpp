#include "tools/job_plan.hpp"

#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/opening.hpp"
#include "planner/file/migration_file.hpp"
#include "sql/catalog.hpp"

#include <fmt/format.h>

namespace pgbackfill::tools {

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
  engine::refuse_other_format(*job);
  console.line(finished ? fmt::format("job {} is finished: this is the plan it had, a run would "
                                      "change nothing",
                                      job->job_id)
                        : fmt::format("job {} is under way: this is its plan, a run would go on "
                                      "with it",
                                      job->job_id));
  return ledger.plan(job->job_id);
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

NewPlan new_plan(const planner::JobSpec& spec, sql::Connection& connection, Console& console) {
  const sql::Catalog catalog = sql::read_catalog(connection);
  if (auto errors = planner::check_against_catalog(spec, catalog); !errors.empty()) {
    throw planner::SpecErrors(std::move(errors));
  }
  std::vector<planner::Finding> findings = planner::preflight(spec, catalog, connection);
  report_findings(findings, console);
  return {planner::make_plan(spec, catalog, connection), std::move(findings)};
}

}  // namespace pgbackfill::tools
