#include "tools/report_page/report_data.hpp"

#include "engine/engine.hpp"
#include "planner/plan/plan.hpp"
#include "tools/job_figures.hpp"

#include <utility>

namespace pgbackfill::tools {
namespace {

/// More samples than the charts are wide would show nothing more.
constexpr int kSamples = 600;
constexpr int kEventsRead = 10'000;
constexpr int kQuarantinedShown = 200;

void read_quarantine(sql::Connection& connection, ReportData& data) {
  const std::string job = std::to_string(data.state.job.job_id);
  const sql::Result rows = connection.execute(
      "SELECT table_name, row_key, coalesce(sqlstate || ': ', '') || message, "
      "date_trunc('second', at), count(*) OVER () "
      "FROM pgbackfill.quarantine WHERE job_id = $1::integer "
      "ORDER BY at, table_name, row_key LIMIT $2::integer",
      {job, std::to_string(kQuarantinedShown)});
  for (int row = 0; row < rows.rows(); ++row) {
    data.quarantined.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                                std::string(rows.text(row, 2)), std::string(rows.text(row, 3))});
    data.quarantined_rows = rows.integer(row, 4);
  }
}

std::vector<IrreversibleStep> irreversible_steps(const JobState& state) {
  std::vector<IrreversibleStep> steps;
  for (const planner::Step& step : state.plan.steps) {
    if (step.irreversible.empty()) continue;
    const engine::StepRecord* record = find_step(state, step.id);
    // What the job found to be so already is not its doing.
    if (record != nullptr && record->state == "done" && !record->ours) continue;
    steps.push_back(
        {step.table, step.title, step.irreversible, record != nullptr && record->state == "done"});
  }
  return steps;
}

}  // namespace

ReportData read_report_data(sql::Connection& connection) {
  std::optional<JobState> state = read_job_state(connection);
  if (!state) {
    throw engine::Refused(
        "there is nothing to report: this database has no job of pgbackfill; begin one with "
        "pgbackfill run -c FILE, or give the --dsn of the database that has it");
  }
  ReportData data;
  data.state = std::move(*state);
  const sql::Result server = connection.execute(
      "SELECT current_database(), current_setting('server_version'), "
      "date_trunc('second', clock_timestamp())");
  data.database = server.text(0, 0);
  data.server = server.text(0, 1);
  data.written = server.text(0, 2);
  const int job_id = data.state.job.job_id;
  engine::SampleLedger samples(connection, job_id);
  data.samples = samples.samples(kSamples);
  data.throttled = samples.throttled();
  data.events = engine::Ledger(connection).events(job_id, kEventsRead);
  std::erase_if(data.events, [](const engine::EventRecord& e) { return e.level == "info"; });
  read_quarantine(connection, data);
  data.irreversible = irreversible_steps(data.state);
  return data;
}

}  // namespace pgbackfill::tools
