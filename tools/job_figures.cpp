#include "tools/job_figures.hpp"

#include "tools/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::tools {

const engine::StepRecord* find_step(const JobState& state, std::string_view step_id) {
  const auto found =
      std::find_if(state.steps.begin(), state.steps.end(),
                   [&](const engine::StepRecord& step) { return step.step_id == step_id; });
  return found == state.steps.end() ? nullptr : &*found;
}

bool step_done(const engine::StepRecord* step) { return step != nullptr && step->state == "done"; }

double backfill_percent(const engine::BackfillRecord& backfill, const engine::StepRecord* step) {
  if (step_done(step)) return 100;
  const auto rows = static_cast<double>(backfill.rows);
  return rows <= backfill.estimated_rows ? percent_of(rows, backfill.estimated_rows)
                                         : percent_of(static_cast<double>(backfill.ranges_done),
                                                      static_cast<double>(backfill.ranges));
}

std::int64_t wal_of(const JobState& state, planner::Stage stage) {
  const auto found = std::find_if(
      state.stage_wal.begin(), state.stage_wal.end(),
      [&](const engine::StageWal& wal) { return wal.stage == planner::to_string(stage); });
  return found == state.stage_wal.end() ? 0 : found->bytes;
}

std::string hot_text(const std::optional<std::int64_t>& hot, std::int64_t rows) {
  if (!hot || rows == 0) return "-";
  return fmt::format("{:.1f}%", percent_of(static_cast<double>(*hot), static_cast<double>(rows)));
}

std::string growth_text(std::optional<std::int64_t> before, std::optional<std::int64_t> after) {
  if (!before || !after || *before == 0) return "-";
  return fmt::format("x{:.2f}", static_cast<double>(*after) / static_cast<double>(*before));
}

std::optional<std::int64_t> heap_of(const std::optional<engine::TableSize>& size) {
  return size ? std::optional(size->heap) : std::nullopt;
}

std::optional<std::int64_t> indexes_of(const std::optional<engine::TableSize>& size) {
  return size ? std::optional(size->indexes) : std::nullopt;
}

std::string whole_seconds(std::string_view timestamp) {
  std::string text(timestamp);
  const std::size_t point = text.find('.');
  if (point == std::string::npos) return text;
  const std::size_t end = text.find_first_not_of("0123456789", point + 1);
  return text.erase(point, end == std::string::npos ? end : end - point);
}

}  // namespace pgbackfill::tools
