#include "engine/retry_policy.hpp"
#include "tools/job_figures.hpp"
#include "tools/metrics/metrics.hpp"

#include <array>

namespace pgbackfill::tools {
namespace {

constexpr std::array<std::string_view, 7> kReasons{
    "max_replica_lag", "max_wal_rate", "max_slot_wal", "throttle_query",
    "lock_waits",      "vacuum",       "other"};

MetricEntry gauge(const char* name, const char* help, double value) {
  return {name, false, nullptr, help, {{"", value}}};
}

MetricEntry counter(const char* name, const char* help, double value) {
  return {name, true, nullptr, help, {{"", value}}};
}

MetricEntry stage_entry(const engine::ProgressSnapshot& progress) {
  MetricEntry entry{"pgbackfill_stage", false, "stage", "1 for the stage that the run is in", {}};
  for (int i = 0; i < planner::kStageCount; ++i) {
    const auto stage = static_cast<planner::Stage>(i);
    entry.values.push_back(
        {std::string(planner::to_string(stage)), stage == progress.stage ? 1.0 : 0.0});
  }
  return entry;
}

MetricEntry throttle_entry(const engine::ProgressSnapshot& progress) {
  MetricEntry entry{
      "pgbackfill_throttled", false, "reason", "1 while the writers hold back for it", {}};
  const std::string_view now =
      progress.throttle.empty() ? std::string_view() : throttle_reason(progress.throttle);
  for (const std::string_view reason : kReasons) {
    entry.values.push_back({std::string(reason), reason == now ? 1.0 : 0.0});
  }
  return entry;
}

template <typename Figure>
MetricEntry per_table(const char* name, bool counts, const char* help, const JobState& state,
                      Figure figure) {
  MetricEntry entry{name, counts, "table", help, {}};
  for (const engine::BackfillRecord& record : state.backfills) {
    // Several steps may fill one table; their label would be the same.
    const double value = static_cast<double>(figure(record));
    auto same = entry.values.begin();
    while (same != entry.values.end() && same->label != record.table) ++same;
    if (same == entry.values.end()) {
      entry.values.push_back({record.table, value});
    } else {
      same->value += value;
    }
  }
  return entry;
}

MetricEntry lease_entry(const JobState& state) {
  MetricEntry entry{
      "pgbackfill_leased_ranges", false, "process", "Ranges that the process holds", {}};
  for (const engine::ProcessRecord& process : state.processes) {
    if (!process.current) continue;
    entry.values.push_back({std::to_string(process.process_id) + " " + process.role,
                            static_cast<double>(process.ranges)});
  }
  return entry;
}

void add_ledger_entries(std::vector<MetricEntry>& entries, const JobState& state) {
  using Record = engine::BackfillRecord;
  entries.push_back(per_table("pgbackfill_table_rows", true, "Rows written", state,
                              [](const Record& r) { return r.rows; }));
  entries.push_back(per_table("pgbackfill_table_rows_expected", false,
                              "Rows to write, as estimated when the job was planned", state,
                              [](const Record& r) { return r.estimated_rows; }));
  entries.push_back(per_table("pgbackfill_table_batches", true, "Batches committed", state,
                              [](const Record& r) { return r.batches; }));
  entries.push_back(per_table("pgbackfill_table_hot_rows", true,
                              "Rows whose new version stayed on its page", state,
                              [](const Record& r) { return r.hot.value_or(0); }));
  entries.push_back(per_table("pgbackfill_table_wal_bytes", true,
                              "WAL of the server while the table was under way, its share", state,
                              [](const Record& r) { return r.wal_bytes; }));
  entries.push_back(per_table("pgbackfill_table_quarantined_rows", false, "Rows set aside", state,
                              [](const Record& r) { return r.quarantined; }));
  entries.push_back(lease_entry(state));
}

}  // namespace

std::string_view throttle_reason(std::string_view text) {
  const auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
  // The names of tables and slots come first in some texts, so that their endings are looked at.
  if (text.ends_with("is being vacuumed")) return "vacuum";
  if (text.ends_with("for a lock of pgbackfill")) return "lock_waits";
  if (text.starts_with("throttle_query")) return "throttle_query";
  if (text.starts_with("replication slot")) return "max_slot_wal";
  if (text.starts_with("the server writes more WAL")) return "max_wal_rate";
  if (has("replica")) return "max_replica_lag";
  return "other";
}

std::vector<MetricEntry> metric_entries(const engine::ProgressSnapshot& progress, double rate,
                                        const JobState* state) {
  std::vector<MetricEntry> entries;
  entries.push_back(stage_entry(progress));
  entries.push_back(gauge("pgbackfill_steps", "Steps of the job", progress.steps));
  entries.push_back(gauge("pgbackfill_steps_done", "Steps that are done", progress.steps_done));
  entries.push_back(counter("pgbackfill_process_rows", "Rows written since this process began",
                            static_cast<double>(progress.rows)));
  entries.push_back(counter("pgbackfill_process_batches",
                            "Batches committed since this process began",
                            static_cast<double>(progress.batches)));
  entries.push_back(counter("pgbackfill_process_retries",
                            "Pauses before a batch or statement was tried again",
                            static_cast<double>(engine::Backoff::drawn())));
  entries.push_back(gauge("pgbackfill_rows_per_second", "Of this process, over ten seconds", rate));
  entries.push_back(gauge("pgbackfill_paused", "1 while an operator has paused it",
                          progress.paused.empty() ? 0 : 1));
  entries.push_back(throttle_entry(progress));
  entries.push_back(counter("pgbackfill_throttled_seconds",
                            "Time that a writer has held back, on average", progress.throttled));
  entries.push_back(
      gauge("pgbackfill_ledger_up", "1 where the ledger could be read", state == nullptr ? 0 : 1));
  if (state != nullptr) add_ledger_entries(entries, *state);
  return entries;
}

}  // namespace pgbackfill::tools
