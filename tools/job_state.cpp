#include "tools/job_figures.hpp"
#include "tools/report.hpp"

#include <algorithm>
#include <utility>

namespace pgbackfill::tools {
namespace {

constexpr int kEvents = 5;

bool in_backfill(const JobState& state) {
  const auto next = std::find_if(state.steps.begin(), state.steps.end(),
                                 [](const engine::StepRecord& step) { return !step_done(&step); });
  return state.job.state == "running" && next != state.steps.end() &&
         next->stage == planner::to_string(planner::Stage::kBackfill);
}

}  // namespace

std::optional<JobState> read_job_state(sql::Connection& connection) {
  engine::Ledger ledger(connection);
  if (!ledger.exists()) return std::nullopt;
  std::optional<engine::JobRecord> job = ledger.latest_job();
  if (!job) return std::nullopt;
  JobState state;
  state.steps = ledger.steps(job->job_id);
  state.plan = ledger.outline(job->job_id);
  state.backfills = ledger.backfills(job->job_id, state.plan);
  state.stage_wal = ledger.stage_wal(job->job_id);
  state.events = ledger.events(job->job_id, kEvents);
  state.fills = ledger.fills();
  std::erase_if(state.fills, [](const engine::FillRecord& fill) { return fill.rows == 0; });
  if (job->format >= engine::kLedgerFormat) {
    state.processes = engine::ProcessLedger(connection, job->job_id).processes();
    engine::ControlLedger control(connection, job->job_id);
    if (job->state != "finished") state.pause = control.pause();
    state.settings = control.settings();
  }
  state.job = std::move(*job);
  if (in_backfill(state)) {
    state.horizon_holders = engine::lasting(engine::horizon_holders(connection));
  }
  return state;
}

}  // namespace pgbackfill::tools
