#pragma once

#include "tools/report.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::tools {

// Figures of a job as its reports show them.

/// Null where the job has no such step.
const engine::StepRecord* find_step(const JobState& state, std::string_view step_id);

/// False for none.
bool step_done(const engine::StepRecord* step);

/// How much of a backfill is done; `step` is its own.
double backfill_percent(const engine::BackfillRecord& backfill, const engine::StepRecord* step);

/// Bytes of WAL of a stage, 0 where none were counted.
std::int64_t wal_of(const JobState& state, planner::Stage stage);

/// Share of the rows that stayed in their page.
std::string hot_text(const std::optional<std::int64_t>& hot, std::int64_t rows);

/// "x1.25"; "-" where it is not known.
std::string growth_text(std::optional<std::int64_t> before, std::optional<std::int64_t> after);

std::optional<std::int64_t> heap_of(const std::optional<engine::TableSize>& size);
std::optional<std::int64_t> indexes_of(const std::optional<engine::TableSize>& size);

/// A timestamp as the server prints it, without fractions of seconds.
std::string whole_seconds(std::string_view timestamp);

}  // namespace pgbackfill::tools
