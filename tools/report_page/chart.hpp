#pragma once

#include "tools/report_page/time_axis.hpp"

#include <functional>
#include <string>
#include <vector>

namespace pgbackfill::tools {

/// A value that held for a while.
struct ChartValue {
  Interval time;
  double value = 0;
};

struct ChartSeries {
  std::string name;
  std::vector<ChartValue> values;  ///< in order
};

struct Chart {
  std::string title;
  std::function<std::string(double)> label;  ///< a value for people
  std::vector<ChartSeries> series;           ///< one or two
  std::vector<Interval> shaded;
};

/// Values over time as steps, as inline SVG. Without a value it is a sentence that says so.
std::string chart_svg(const Chart& chart, const TimeAxis& axis);

struct TimelineRow {
  std::string name;
  std::string note;  ///< behind the bars, and shown when one points at them
  std::vector<Interval> bars;
  bool failed = false;
};

/// A row of bars each, as inline SVG.
std::string timeline_svg(const std::vector<TimelineRow>& rows, const TimeAxis& axis);

}  // namespace pgbackfill::tools
