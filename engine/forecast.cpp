#include "engine/forecast.hpp"

#include <algorithm>

namespace pgbackfill::engine {
namespace {

/// Expected seconds from which on the steps that are done say more than the rule of thumb, and
/// how far they are believed.
constexpr double kTelling = 0.5;
constexpr double kLeastPace = 0.05;
constexpr double kMostPace = 50;
/// Share of a build from which on it says how long the rest takes.
constexpr double kTellingShare = 0.05;

}  // namespace

Forecast::Forecast(const std::vector<Expected>& steps, int side_by_side)
    : side_by_side_(std::max(1, side_by_side)) {
  for (const Expected& step : steps) {
    Open& open = open_[step.title];
    open.table = step.table;
    open.stage = step.stage;
    open.seconds += step.seconds;
  }
}

void Forecast::started(std::string_view title, double now) {
  const auto found = open_.find(title);
  if (found == open_.end()) return;
  found->second.since = now;
  found->second.share = 0;
}

void Forecast::ended(std::string_view title, bool done, double now) {
  const auto found = open_.find(title);
  if (found == open_.end()) return;
  Open& step = found->second;
  if (!done) {
    step.since.reset();
    return;
  }
  if (step.since) {
    expected_ += step.seconds;
    taken_ += now - *step.since;
  }
  open_.erase(found);
}

void Forecast::builds(const std::vector<BuildProgress>& builds) {
  if (builds.empty()) return;
  for (auto& [title, step] : open_) {
    if (!step.since) continue;
    if (const BuildProgress* build = build_of(builds, title)) step.share = build->share;
  }
}

double Forecast::pace() const {
  return expected_ < kTelling ? 1 : std::clamp(taken_ / expected_, kLeastPace, kMostPace);
}

double Forecast::left(const Open& step, double now) const {
  const double expected = step.seconds * pace();
  if (!step.since) return expected;
  const double elapsed = now - *step.since;
  if (step.share >= kTellingShare) return elapsed * (1 - step.share) / step.share;
  return std::max(0.0, expected - elapsed);
}

/// Stages come one after the other; within one, a table takes at least as long as its own steps.
double Forecast::seconds_left(double now) const {
  struct Load {
    double all = 0;
    std::map<std::string_view, double> tables;
  };
  std::map<planner::Stage, Load> stages;
  for (const auto& [title, step] : open_) {
    const double seconds = left(step, now);
    Load& load = stages[step.stage];
    load.all += seconds;
    load.tables[step.table] += seconds;
  }
  double sum = 0;
  for (const auto& [stage, load] : stages) {
    double longest = load.all / side_by_side_;
    for (const auto& [table, seconds] : load.tables) longest = std::max(longest, seconds);
    sum += longest;
  }
  return sum;
}

const BuildProgress* build_of(const std::vector<BuildProgress>& builds, std::string_view title) {
  const std::string_view create = "create index ";
  const std::size_t at = title.find(create);
  if (at == std::string_view::npos) return nullptr;
  const std::string_view rest = title.substr(at + create.size());
  const auto found = std::find_if(builds.begin(), builds.end(), [&](const BuildProgress& build) {
    if (build.index.empty()) {
      return at == build.table.size() + 2 && title.starts_with(build.table + ": ");
    }
    return rest == build.index || rest.starts_with(build.index + " ");
  });
  return found == builds.end() ? nullptr : &*found;
}

}  // namespace pgbackfill::engine
