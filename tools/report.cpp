#include "tools/report.hpp"

#include "engine/fill_gate.hpp"
#include "tools/job_figures.hpp"
#include "tools/number_text.hpp"
#include "tools/stage_times.hpp"
#include "tools/text_layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace pgbackfill::tools {
namespace {

constexpr int kEvents = 5;
constexpr std::size_t kHolders = 3;
constexpr std::size_t kNamedTables = 3;

bool step_done(const engine::StepRecord* step) { return step != nullptr && step->state == "done"; }

double backfill_percent(const engine::BackfillRecord& backfill, const engine::StepRecord* step) {
  if (step_done(step)) return 100;
  const auto rows = static_cast<double>(backfill.rows);
  return rows <= backfill.estimated_rows ? percent_of(rows, backfill.estimated_rows)
                                         : percent_of(static_cast<double>(backfill.ranges_done),
                                                      static_cast<double>(backfill.ranges));
}

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

std::string backfill_table(const JobState& state) {
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
  return (rows.size() > 1 ? columns(std::move(rows), 2) : "") + folded(state) + quarantined;
}

template <typename T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

nlohmann::ordered_json job_json(const engine::JobRecord& job) {
  return {{"id", job.job_id},
          {"state", job.state},
          {"fingerprint", job.fingerprint},
          {"created", job.created},
          {"finished", text_or_null(job.finished)},
          {"backup", text_or_null(job.backup)},
          {"throttle", text_or_null(job.throttle)},
          {"rollback_to", text_or_null(job.rollback_to)}};
}

nlohmann::ordered_json stages_json(const JobState& state) {
  auto list = nlohmann::ordered_json::array();
  for (const StageSummary& stage : summarise_stages(state.steps)) {
    list.push_back({{"stage", planner::to_string(stage.stage)},
                    {"state", stage.state()},
                    {"steps", stage.steps},
                    {"done", stage.done},
                    {"failed", stage.failed},
                    {"seconds", stage.seconds},
                    {"wal_bytes", wal_of(state, stage.stage)}});
  }
  return list;
}

nlohmann::ordered_json tables_json(const JobState& state) {
  auto list = nlohmann::ordered_json::array();
  for (const engine::BackfillRecord& backfill : state.backfills) {
    const engine::StepRecord* step = find_step(state, backfill.step_id);
    list.push_back({{"step", backfill.step_id},
                    {"table", backfill.table},
                    {"method", backfill.method},
                    {"state", step == nullptr ? "pending" : step->state},
                    {"estimated_rows", backfill.estimated_rows},
                    {"rows", backfill.rows},
                    {"percent", backfill_percent(backfill, step)},
                    {"ranges", backfill.ranges},
                    {"ranges_done", backfill.ranges_done},
                    {"batches", backfill.batches},
                    {"rounds", backfill.rounds},
                    {"seconds", step == nullptr ? 0 : step->seconds},
                    {"quarantined", backfill.quarantined},
                    {"hot_rows", or_null(backfill.hot)},
                    {"wal_bytes", backfill.wal_bytes},
                    {"heap_bytes",
                     {{"before", or_null(heap_of(backfill.before))},
                      {"after", or_null(heap_of(backfill.after))}}},
                    {"index_bytes",
                     {{"before", or_null(indexes_of(backfill.before))},
                      {"after", or_null(indexes_of(backfill.after))}}}});
  }
  return list;
}

bool in_backfill(const JobState& state) {
  const auto next = std::find_if(state.steps.begin(), state.steps.end(),
                                 [](const engine::StepRecord& step) { return !step_done(&step); });
  return state.job.state == "running" && next != state.steps.end() &&
         next->stage == planner::to_string(planner::Stage::kBackfill);
}

std::string fills_text(const std::vector<engine::FillRecord>& fills) {
  std::string text = "\nwill be refused once enforce is through\n";
  for (const engine::FillRecord& fill : fills) text += fmt::format("  {}\n", describe(fill));
  return text;
}

nlohmann::ordered_json fills_json(const std::vector<engine::FillRecord>& fills) {
  auto list = nlohmann::ordered_json::array();
  for (const engine::FillRecord& fill : fills) {
    list.push_back({{"table", fill.table},
                    {"column", fill.column},
                    {"rows", fill.rows},
                    {"since", fill.since},
                    {"last_seconds_ago", or_null(fill.last)}});
  }
  return list;
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

nlohmann::ordered_json processes_json(const std::vector<engine::ProcessRecord>& processes) {
  auto list = nlohmann::ordered_json::array();
  for (const engine::ProcessRecord& process : processes) {
    list.push_back({{"id", process.process_id},
                    {"role", process.role},
                    {"host", process.host},
                    {"pid", process.pid},
                    {"state", process.state},
                    {"started", process.started},
                    {"heartbeat_seconds_ago", process.silent},
                    {"ranges", process.ranges}});
  }
  return list;
}

std::string control_text(const JobState& state) {
  std::string text;
  if (state.pause) {
    text += fmt::format("{}; it goes on with pgbackfill resume\n", state.pause->done_by());
  }
  for (const engine::ControlRequest& setting : state.settings) text += setting.done_by() + "\n";
  return text;
}

nlohmann::ordered_json asked_by(const engine::ControlRequest& request) {
  return {{"by", request.role}, {"from", request.host}, {"at", request.at}};
}

nlohmann::ordered_json paused_json(const JobState& state) {
  return state.pause ? asked_by(*state.pause) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json settings_json(const JobState& state) {
  auto list = nlohmann::ordered_json::array();
  for (const engine::ControlRequest& setting : state.settings) {
    nlohmann::ordered_json entry{{"key", setting.key}, {"value", setting.value}};
    entry.update(asked_by(setting));
    list.push_back(std::move(entry));
  }
  return list;
}

std::string holders_text(const std::vector<engine::HorizonHolder>& holders) {
  std::string text = "\nkeeps old row versions from being removed\n";
  const std::size_t shown = std::min(holders.size(), kHolders);
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("  {}\n", describe(holders[i]));
  if (shown < holders.size()) text += fmt::format("  and {} more\n", holders.size() - shown);
  return text;
}

nlohmann::ordered_json holders_json(const std::vector<engine::HorizonHolder>& holders) {
  auto list = nlohmann::ordered_json::array();
  for (const engine::HorizonHolder& holder : holders) {
    list.push_back({{"kind", to_string(holder.kind)},
                    {"pid", holder.pid == 0 ? nlohmann::ordered_json(nullptr)
                                            : nlohmann::ordered_json(holder.pid)},
                    {"name", text_or_null(holder.name)},
                    {"user", text_or_null(holder.user)},
                    {"database", text_or_null(holder.database)},
                    {"state", text_or_null(holder.state)},
                    {"xmin", holder.xmin},
                    {"age", holder.age},
                    {"seconds", or_null(holder.seconds)}});
  }
  return list;
}

/// What the comparisons before enforce mended, empty when nothing differed.
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

nlohmann::ordered_json reconciled_json(const JobState& state) {
  auto list = nlohmann::ordered_json::array();
  for (const engine::StepRecord& step : state.steps) {
    if (step.rows > 0) {
      list.push_back({{"step", step.step_id}, {"table", step.table}, {"rows", step.rows}});
    }
  }
  return list;
}

}  // namespace

std::optional<JobState> read_job_state(sql::Connection& connection) {
  engine::Ledger ledger(connection);
  if (!ledger.exists()) return std::nullopt;
  std::optional<engine::JobRecord> job = ledger.latest_job();
  if (!job) return std::nullopt;
  JobState state;
  state.steps = ledger.steps(job->job_id);
  state.backfills = ledger.backfills(job->job_id);
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

std::string status_text(const std::optional<JobState>& state) {
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
  if (!job.backup.empty()) text += fmt::format("backup from before it: {}\n", job.backup);
  if (!job.throttle.empty()) text += fmt::format("{}\n", job.throttle);
  text += control_text(*state);
  text += "\n" + stage_table(*state);
  if (!state->backfills.empty()) text += "\n" + backfill_table(*state);
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

std::string status_json(const std::optional<JobState>& state, int indent) {
  nlohmann::ordered_json document;
  document["ledger"] = state.has_value();
  document["job"] = state ? job_json(state->job) : nlohmann::ordered_json(nullptr);
  document["stages"] = state ? stages_json(*state) : nlohmann::ordered_json::array();
  document["tables"] = state ? tables_json(*state) : nlohmann::ordered_json::array();
  document["reconciled"] = state ? reconciled_json(*state) : nlohmann::ordered_json::array();
  document["fills"] = state ? fills_json(state->fills) : nlohmann::ordered_json::array();
  document["processes"] =
      state ? processes_json(state->processes) : nlohmann::ordered_json::array();
  document["paused"] = state ? paused_json(*state) : nlohmann::ordered_json(nullptr);
  document["settings"] = state ? settings_json(*state) : nlohmann::ordered_json::array();
  document["failures"] = nlohmann::ordered_json::array();
  document["events"] = nlohmann::ordered_json::array();
  document["horizon_holders"] =
      state ? holders_json(state->horizon_holders) : nlohmann::ordered_json::array();
  if (state) {
    for (const engine::StepRecord& step : state->steps) {
      if (step.error.empty()) continue;
      document["failures"].push_back({{"step", step.step_id},
                                      {"stage", step.stage},
                                      {"table", step.table},
                                      {"title", step.title},
                                      {"error", step.error}});
    }
    for (const engine::EventRecord& event : state->events) {
      document["events"].push_back(
          {{"at", event.at}, {"level", event.level}, {"message", event.message}});
    }
  }
  // Names and messages of the server may hold what is not UTF-8.
  return document.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string run_summary(const JobState& state, const engine::RunReport& report) {
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
  if (tables.size() > 1) text += columns(std::move(tables), 2);
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
