#include "tools/stage_times.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <utility>

namespace pgbackfill::tools {
namespace {

using Interval = std::pair<double, double>;

/// Takes digits off the front; false when there are none.
bool take_number(std::string_view& text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// Fraction of a second behind the point.
double take_fraction(std::string_view& text) {
  double value = 0;
  double place = 0.1;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    value += (text.front() - '0') * place;
    place /= 10;
  }
  return value;
}

/// "+01", "-03:30"; seconds east of UTC.
std::optional<int> take_offset(std::string_view& text) {
  const bool west = text.starts_with('-');
  if (!west && !text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  int parts[3] = {0, 0, 0};
  for (int i = 0; i < 3 && (i == 0 || take(text, ':')); ++i) {
    if (!take_number(text, parts[i])) return std::nullopt;
  }
  const int seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
  return west ? -seconds : seconds;
}

/// Length of the union of the intervals.
double covered(std::vector<Interval> intervals) {
  std::sort(intervals.begin(), intervals.end());
  double total = 0;
  double end = 0;
  for (const auto& [from, to] : intervals) {
    const double begin = std::max(from, end);
    if (to > begin) total += to - begin;
    end = std::max(end, to);
  }
  return total;
}

}  // namespace

std::string_view StageSummary::state() const {
  if (failed > 0) return "failed";
  if (done == steps) return "done";
  return done + running > 0 ? "begun" : "pending";
}

std::optional<double> parse_timestamp(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  const bool fits = take_number(text, year) && take(text, '-') && take_number(text, month) &&
                    take(text, '-') && take_number(text, day) && take(text, ' ') &&
                    take_number(text, hour) && take(text, ':') && take_number(text, minute) &&
                    take(text, ':') && take_number(text, second);
  if (!fits) return std::nullopt;
  const double fraction = take(text, '.') ? take_fraction(text) : 0;
  const std::optional<int> offset = take_offset(text);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!offset || !text.empty() || !date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400 + hour * 3600 + minute * 60 + second + fraction -
         *offset;
}

std::vector<StageSummary> summarise_stages(const std::vector<engine::StepRecord>& steps) {
  std::map<planner::Stage, StageSummary> stages;
  std::map<planner::Stage, std::vector<Interval>> intervals;
  for (const engine::StepRecord& step : steps) {
    const std::optional<planner::Stage> stage = planner::parse_stage(step.stage);
    if (!stage) continue;
    StageSummary& summary = stages[*stage];
    summary.stage = *stage;
    ++summary.steps;
    summary.done += step.state == "done" ? 1 : 0;
    summary.running += step.state == "running" ? 1 : 0;
    summary.failed += step.state == "failed" ? 1 : 0;
    if (const auto begin = parse_timestamp(step.started)) {
      intervals[*stage].emplace_back(*begin, *begin + step.seconds);
    }
  }
  std::vector<StageSummary> result;
  for (auto& [stage, summary] : stages) {
    summary.seconds = covered(std::move(intervals[stage]));
    result.push_back(summary);
  }
  return result;
}

}  // namespace pgbackfill::tools
