#include "tools/report.hpp"

#include "engine/fill_gate.hpp"
#include "tools/job_figures.hpp"
#include "tools/number_text.hpp"
#include "tools/stage_times.hpp"
#include "tools/text_layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace pgbackfill::tools {
namespace {

constexpr std::size_t kHolders = 3;
constexpr std::size_t kNamedTables = 3;

std::string stage_table(const JobState& state) {
  std::vector<std::vector<std::string>> rows{{"stage", "state", "steps", "time", "WAL"}};
  for (const StageSummary& stage : summarise_stages(state.steps)) {
    const bool begun = stage.done + stage.running + stage.failed > 0;
    const std::int64_t wal = wal_of(state, stage.stage);
    rows.push_back({std::string(planner::to_string(stage.stage)), std::string(stage.state()),
                    fmt::format("{}/{}", stage.done, stage.steps),
                    begun ? duration_text(stage.seconds) : "-", wal > 0 ? bytes_text(wal) : "-"});
  }
  return columns(std::move(rows), 2);
}

/// The catalog alone gives its rows their value.
bool catalog_only(const engine::BackfillRecord& backfill) {
  return backfill.method == planner::to_string(planner::Method::kCatalog) && backfill.rows == 0;
}

/// One line for all tables of which no row is written.
std::string folded(const JobState& state) {
  std::vector<std::string> done;
  std::vector<std::string> pending;
  for (const engine::BackfillRecord& backfill : state.backfills) {
    if (!catalog_only(backfill)) continue;
    (step_done(find_step(state, backfill.step_id)) ? done : pending).push_back(backfill.table);
  }
  const auto line = [](std::string_view what, const std::vector<std::string>& tables) {
    if (tables.empty()) return std::string();
    if (tables.size() > kNamedTables) {
      return fmt::format("  by the catalog alone, {}: {} tables\n", what, tables.size());
    }
    return fmt::format("  by the catalog alone, {}: {}\n", what, fmt::join(tables, ", "));
  };
  return line("done", done) + line("to do", pending);
}

std::string backfill_table(const JobState& state, std::size_t width) {
  std::vector<std::vector<std::string>> rows{
      {"table", "method", "rows", "of about", "done", "ranges", "HOT", "WAL"}};
  std::string quarantined;
  for (const engine::BackfillRecord& backfill : state.backfills) {
    if (backfill.quarantined > 0) {
      quarantined +=
          fmt::format("  {}: {} rows quarantined\n", backfill.table, grouped(backfill.quarantined));
    }
    if (catalog_only(backfill)) continue;
    rows.push_back(
        {backfill.table, backfill.method, grouped(backfill.rows),
         short_count(std::max(backfill.estimated_rows, static_cast<double>(backfill.rows))),
         fmt::format("{:.1f}%", backfill_percent(backfill, find_step(state, backfill.step_id))),
         fmt::format("{}/{}", backfill.ranges_done, backfill.ranges),
         hot_text(backfill.hot, backfill.rows),
         backfill.wal_bytes > 0 ? bytes_text(backfill.wal_bytes) : "-"});
  }
  return (rows.size() > 1 ? columns(std::move(rows), 2, width) : "") + folded(state) + quarantined;
}

std::string fills_text(const std::vector<engine::FillRecord>& fills) {
  std::string text = "\nwill be refused once enforce is through\n";
  for (const engine::FillRecord& fill : fills) text += fmt::format("  {}\n", describe(fill));
  return text;
}

/// Those that work on the job, or did until nothing was heard of them.
std::string processes_text(const std::vector<engine::ProcessRecord>& processes) {
  std::string text;
  for (const engine::ProcessRecord& process : processes) {
    if (!process.current) continue;
    text += fmt::format("  {} on {} (pid {}): {}last heartbeat {:.0f} s ago, holds {} range{}\n",
                        process.role, process.host, process.pid,
                        process.state == "gone" ? "gone, " : "", process.silent, process.ranges,
                        process.ranges == 1 ? "" : "s");
  }
  return text.empty() ? text : "\nprocesses\n" + text;
}

/// What to do about a job that its process has left before the end.
std::string left_text(const JobState& state) {
  const auto works = [](const engine::ProcessRecord& process) {
    return process.current && process.state == "active";
  };
  if (state.job.state == "finished" || std::ranges::any_of(state.processes, works)) return {};
  return fmt::format("nobody works on it; the same pgbackfill {} goes on from here\n",
                     state.job.state == "rolling back" ? "rollback" : "run");
}

std::string control_text(const JobState& state) {
  std::string text;
  if (state.pause) {
    text += fmt::format("{}; it goes on with pgbackfill resume\n", state.pause->done_by());
  }
  for (const engine::ControlRequest& setting : state.settings) text += setting.done_by() + "\n";
  return text;
}

std::string holders_text(const std::vector<engine::HorizonHolder>& holders) {
  std::string text = "\nkeeps old row versions from being removed\n";
  const std::size_t shown = std::min(holders.size(), kHolders);
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("  {}\n", describe(holders[i]));
  if (shown < holders.size()) text += fmt::format("  and {} more\n", holders.size() - shown);
  return text;
}

/// What was mended because it differed from its source, empty when nothing was.
std::string reconciled_text(const JobState& state) {
  std::int64_t all = 0;
  std::vector<std::string> tables;
  for (const engine::StepRecord& step : state.steps) {
    if (step.rows == 0) continue;
    all += step.rows;
    tables.push_back(fmt::format("{} {}", step.table, grouped(step.rows)));
  }
  if (all == 0) return {};
  return fmt::format("{} rows had another value than their source when compared and got it: {}\n",
                     grouped(all), fmt::join(tables, ", "));
}

}  // namespace

std::string status_text(const std::optional<JobState>& state, std::size_t width) {
  if (!state) return "no job: this database has no ledger of pgbackfill\n";
  const engine::JobRecord& job = state->job;
  std::string text =
      job.state == "finished"
          ? fmt::format("job {}: finished {} (begun {})\n", job.job_id, job.finished, job.created)
          : fmt::format("job {}: not finished (begun {})\n", job.job_id, job.created);
  if (job.state == "rolling back") {
    text = fmt::format("job {}: rolling back{} (begun {})\n", job.job_id,
                       job.rollback_to.empty() ? "" : " to stage " + job.rollback_to, job.created);
  }
  text += left_text(*state);
  if (!job.backup.empty()) text += fmt::format("backup from before it: {}\n", job.backup);
  if (!job.throttle.empty()) text += fmt::format("{}\n", job.throttle);
  text += control_text(*state);
  text += "\n" + stage_table(*state);
  if (!state->backfills.empty()) text += "\n" + backfill_table(*state, width);
  text += processes_text(state->processes);
  if (!state->fills.empty()) text += fills_text(state->fills);
  if (!state->horizon_holders.empty()) text += holders_text(state->horizon_holders);
  for (const engine::StepRecord& step : state->steps) {
    if (step.error.empty()) continue;
    text += fmt::format("\nfailed: {}{}{}: {}\n", step.table, step.table.empty() ? "" : ": ",
                        step.title, step.error);
  }
  if (!state->events.empty()) text += "\nlast events\n";
  for (const engine::EventRecord& event : state->events) {
    text += fmt::format("  {} {}: {}\n", event.at, event.level, event.message);
  }
  return text;
}

std::string run_summary(const JobState& state, const engine::RunReport& report, std::size_t width) {
  std::string text;
  std::int64_t rows = 0;
  std::int64_t batches = 0;
  std::int64_t quarantined = 0;
  std::int64_t wal = 0;
  std::optional<std::int64_t> hot = 0;
  std::vector<std::vector<std::string>> tables{
      {"table", "method", "rows", "HOT", "WAL", "heap", "indexes", "time"}};
  for (const engine::BackfillRecord& backfill : state.backfills) {
    if (!catalog_only(backfill)) {
      const engine::StepRecord* step = find_step(state, backfill.step_id);
      tables.push_back({backfill.table, backfill.method, grouped(backfill.rows),
                        hot_text(backfill.hot, backfill.rows),
                        backfill.wal_bytes > 0 ? bytes_text(backfill.wal_bytes) : "-",
                        growth_text(heap_of(backfill.before), heap_of(backfill.after)),
                        growth_text(indexes_of(backfill.before), indexes_of(backfill.after)),
                        step == nullptr ? "-" : duration_text(step->seconds)});
    }
    rows += backfill.rows;
    batches += backfill.batches;
    quarantined += backfill.quarantined;
    hot = hot && backfill.hot ? std::optional(*hot + *backfill.hot) : hot;
    wal += backfill.wal_bytes;
  }
  if (tables.size() > 1) text += columns(std::move(tables), 2, width);
  text += folded(state);
  if (!text.empty()) text += "\n";
  text += stage_table(state) + "\n";
  text += fmt::format("job {}: {} rows in {} batches", state.job.job_id, grouped(rows),
                      grouped(batches));
  if (rows > 0) text += fmt::format(", HOT {}, WAL {}", hot_text(hot, rows), bytes_text(wal));
  if (report.rows != rows) text += fmt::format(", {} of them in this run", grouped(report.rows));
  text += fmt::format("; this run took {}\n", duration_text(report.seconds));
  if (report.throttled > 0) {
    text += fmt::format("the writers held back for {} of it\n", duration_text(report.throttled));
  }
  text += reconciled_text(state);
  if (quarantined > 0) {
    text += fmt::format("{} rows were quarantined: see table pgbackfill.quarantine\n",
                        grouped(quarantined));
  }
  return text;
}

}  // namespace pgbackfill::tools
