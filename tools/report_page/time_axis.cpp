#include "tools/report_page/time_axis.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace pgbackfill::tools {
namespace {

std::vector<double> multiples(double step, double most) {
  std::vector<double> ticks;
  for (int i = 0; i * step <= most * 1.0001; ++i) ticks.push_back(i * step);
  return ticks;
}

}  // namespace

TimeAxis::TimeAxis(std::vector<Interval> busy, double keep) {
  std::sort(busy.begin(), busy.end());
  for (const Interval& interval : busy) {
    if (!spans_.empty() && interval.first <= spans_.back().second + keep) {
      spans_.back().second = std::max(spans_.back().second, interval.second);
    } else {
      spans_.push_back(interval);
    }
  }
  for (const auto& [from, to] : spans_) length_ += to - from;
  length_ = std::max(length_, 0.001);
  for (std::size_t i = 1; i < spans_.size(); ++i) {
    pauses_.push_back({position(spans_[i].first), spans_[i].first - spans_[i - 1].second});
  }
}

double TimeAxis::position(double time) const {
  double passed = 0;
  for (const auto& [from, to] : spans_) passed += std::clamp(time, from, to) - from;
  return passed / length_;
}

std::vector<double> round_ticks(double most, int count) {
  if (!(most > 0)) return {0};
  double step = std::pow(10, std::floor(std::log10(most / count)));
  for (const double factor : {2.0, 2.5, 2.0}) {
    if (most / step > count) step *= factor;
  }
  return multiples(step, most);
}

std::vector<double> time_ticks(double most, int count) {
  constexpr std::array<double, 18> kSteps{10,    15,    30,    60,     120,    300,
                                          600,   900,   1800,  3600,   7200,   10800,
                                          21600, 43200, 86400, 172800, 432000, 864000};
  if (most / kSteps.front() <= count / 2.0) return round_ticks(most, count);
  for (const double step : kSteps) {
    if (most / step <= count) return multiples(step, most);
  }
  return round_ticks(most, count);
}

}  // namespace pgbackfill::tools
