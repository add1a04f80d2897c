#pragma once

#include "engine/backfill/horizon.hpp"
#include "engine/engine.hpp"
#include "engine/ledger/control_ledger.hpp"
#include "engine/ledger/ledger.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "tools/text_layout.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::tools {

/// What the ledger knows of its newest job.
struct JobState {
  engine::JobRecord job;
  planner::Plan plan;
  std::vector<engine::StepRecord> steps;
  std::vector<engine::BackfillRecord> backfills;
  std::vector<engine::StageWal> stage_wal;
  std::vector<engine::EventRecord> events;  ///< the last ones, oldest first
  std::vector<engine::FillRecord> fills;    ///< tables that had rows without their organization
  std::vector<engine::ProcessRecord> processes;
  std::optional<engine::ControlRequest> pause;   ///< the one that holds
  std::vector<engine::ControlRequest> settings;  ///< changed since the run began
  /// While the backfill is under way: what keeps old row versions from being removed.
  std::vector<engine::HorizonHolder> horizon_holders;
};

/// nullopt when there is no ledger or no job in it.
std::optional<JobState> read_job_state(sql::Connection& connection);

/// `status` for people; without a job it says that there is none.
std::string status_text(const std::optional<JobState>& state, std::size_t width = kPageWidth);

/// {"ledger", "job": {"id", "state" (running, finished or rolling back), "fingerprint", "created",
///  "finished", "backup", "throttle", "rollback_to" (null unless rolling back to a stage)},
///  "stages": [{"stage", "state", "steps", "done", "failed", "seconds", "wal_bytes"}],
///  "tables": [{"step", "table", "method", "state", "estimated_rows", "rows", "percent", "ranges",
///    "ranges_done", "batches", "rounds", "seconds", "quarantined", "hot_rows" (null where the
///    server does not count), "wal_bytes", "heap_bytes" and "index_bytes" ({"before", "after"};
///    null before the table's turn)}],
///  "processes": [{"id", "role", "host", "pid", "state", "started", "heartbeat_seconds_ago",
///    "ranges"}],
///  "paused": {"by", "from", "at"} or null, "settings": [{"key", "value", "by", "from", "at"}]
///    (changed since the run under way began),
///  "failures": [{"step", "stage", "table", "title", "error"}],
///  "events": [{"at", "level", "message"}],
///  "horizon_holders": [{"kind", "pid", "name", "user", "database", "state", "xmin", "age",
///    "seconds"}]}. Stable. Without a job "job" is null and the lists
/// are empty. `indent` -1 puts it on one line.
std::string status_json(const std::optional<JobState>& state, int indent = 2);

/// After a run: rows, batches, HOT, WAL, growth and time per table, time and WAL per stage, totals.
std::string run_summary(const JobState& state, const engine::RunReport& report,
                        std::size_t width = kPageWidth);

}  // namespace pgbackfill::tools
