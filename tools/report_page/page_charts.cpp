#include "tools/report_page/page_charts.hpp"

#include "tools/number_text.hpp"
#include "tools/report_page/chart.hpp"
#include "tools/report_page/html.hpp"
#include "tools/stage_times.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::tools {
namespace {

/// Shorter pauses between samples or steps are no pauses of the job.
constexpr double kSamplePause = 5;
constexpr double kStepPause = 60;

std::string milliseconds_text(double value) {
  return value < 1000 ? fmt::format("{:.4g} ms", value) : duration_text(value / 1000);
}

/// Of a span of no length nothing can be said per second.
double per_second(std::int64_t amount, double seconds) {
  return static_cast<double>(std::max<std::int64_t>(amount, 0)) / std::max(seconds, 0.001);
}

ChartSeries series_of(const std::string& name, const std::vector<engine::Sample>& samples,
                      const std::function<std::optional<double>(const engine::Sample&)>& value) {
  ChartSeries series{name, {}};
  for (const engine::Sample& sample : samples) {
    if (const auto v = value(sample)) series.values.push_back({{sample.from, sample.to}, *v});
  }
  return series;
}

}  // namespace

std::string stage_timeline(const JobState& state) {
  std::vector<TimelineRow> rows;
  std::vector<Interval> busy;
  for (const StageSummary& stage : summarise_stages(state.steps)) {
    TimelineRow row;
    row.name = planner::to_string(stage.stage);
    row.failed = stage.failed > 0;
    for (const engine::StepRecord& step : state.steps) {
      const auto from = parse_timestamp(step.started);
      if (step.stage == row.name && from) row.bars.emplace_back(*from, *from + step.seconds);
    }
    busy.insert(busy.end(), row.bars.begin(), row.bars.end());
    row.note = row.bars.empty()
                   ? std::string(stage.state())
                   : fmt::format("{}, {}", stage.state(), duration_text(stage.seconds));
    rows.push_back(std::move(row));
  }
  if (busy.empty()) return html_element("p", "No step has been begun.");
  return timeline_svg(rows, TimeAxis(std::move(busy), kStepPause));
}

std::string backfill_charts(const ReportData& data) {
  if (data.samples.empty()) {
    return html_element("p",
                        "The backfill has not been sampled: it had nothing to write yet, or "
                        "was carried out by an earlier version.");
  }
  std::vector<Interval> busy;
  for (const engine::Sample& sample : data.samples) busy.emplace_back(sample.from, sample.to);
  const TimeAxis axis(std::move(busy), kSamplePause);
  std::vector<Interval> shaded;
  for (const engine::ThrottlePeriod& period : data.throttled) {
    shaded.emplace_back(period.from, period.to);
  }
  const auto rows = series_of("rows/s", data.samples, [](const engine::Sample& sample) {
    return std::optional(per_second(sample.rows, sample.seconds));
  });
  const auto wal = series_of("WAL/s", data.samples, [](const engine::Sample& sample) {
    return std::optional(per_second(sample.wal_bytes, sample.seconds));
  });
  const auto median = series_of("median", data.samples, [](const engine::Sample& sample) {
    return sample.times ? std::optional(sample.times->p50) : std::nullopt;
  });
  const auto slowest = series_of("95th percentile", data.samples, [](const engine::Sample& sample) {
    return sample.times ? std::optional(sample.times->p95) : std::nullopt;
  });
  const auto bytes = [](double value) { return bytes_text(static_cast<std::int64_t>(value)); };
  std::string html = html_element(
      "p", fmt::format("Time under way, from left to right{}{}.",
                       axis.pauses().empty() ? "" : "; dashed: the job was stopped there",
                       shaded.empty() ? "" : "; shaded: the writers held back"));
  html += chart_svg({"rows per second", short_count, {rows}, shaded}, axis);
  html += chart_svg({"WAL per second", bytes, {wal}, shaded}, axis);
  return html + chart_svg({"time of a batch", milliseconds_text, {median, slowest}, shaded}, axis);
}

}  // namespace pgbackfill::tools
