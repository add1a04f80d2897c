#include "tools/job_figures.hpp"
#include "tools/report.hpp"
#include "tools/stage_times.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace pgbackfill::tools {
namespace {

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

}  // namespace pgbackfill::tools
