#include "tools/report_page/chart.hpp"

#include "tools/markup.hpp"
#include "tools/number_text.hpp"
#include "tools/report_page/html.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::tools {
namespace {

constexpr double kWidth = 720;
constexpr double kLeft = 76;
constexpr double kRight = 14;
constexpr double kTop = 10;
constexpr double kPlotHeight = 130;
constexpr double kFoot = 24;
constexpr double kRowHeight = 24;
constexpr double kNoteWidth = 150;
/// So that what was over at once is seen.
constexpr double kThinnest = 1.5;

/// Where the plot is in the picture.
struct Frame {
  double left = 0;
  double width = 0;
  double top = 0;
  double height = 0;

  double bottom() const { return top + height; }
  double x(double position) const { return left + position * width; }
};

std::string open_svg(double height, std::string_view title) {
  return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n", kWidth,
                     height, escape_markup(title));
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     escape_markup(text));
}

std::string line_between(double x1, double y1, double x2, double y2, std::string_view kind) {
  return fmt::format(
      "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kind, x1,
      y1, x2, y2);
}

/// "0", "500 ms", "20 s", "5m00s".
std::string tick_text(double seconds) {
  if (seconds <= 0) return "0";
  if (seconds < 1) return fmt::format("{:.4g} ms", seconds * 1e3);
  return seconds < 60 ? fmt::format("{:.4g} s", seconds) : duration_text(seconds);
}

/// Marks of time under way below the plot, and of the pauses in it.
std::string time_marks(const TimeAxis& axis, const Frame& frame) {
  std::string svg;
  for (const double tick : time_ticks(axis.length(), 8)) {
    const double x = frame.x(tick / axis.length());
    svg += line_between(x, frame.bottom(), x, frame.bottom() + 4, "grid");
    svg += text_at(x, frame.bottom() + 17, "middle", tick_text(tick));
  }
  for (const TimeAxis::Pause& pause : axis.pauses()) {
    const double x = frame.x(pause.at);
    svg += fmt::format("<g><title>stopped for {}</title>{}</g>\n", duration_text(pause.seconds),
                       line_between(x, frame.top, x, frame.bottom(), "pause"));
  }
  return svg;
}

std::string value_marks(const Chart& chart, double most, const Frame& frame) {
  std::string svg;
  for (const double tick : round_ticks(most, 4)) {
    const double y = frame.bottom() - tick / most * frame.height;
    svg += line_between(frame.left, y, frame.left + frame.width, y, "grid");
    svg += text_at(frame.left - 6, y + 4, "end", chart.label(tick));
  }
  return svg;
}

std::string shades(const Chart& chart, const TimeAxis& axis, const Frame& frame) {
  std::string svg;
  for (const auto& [from, to] : chart.shaded) {
    const double left = frame.x(axis.position(from));
    const double right = std::max(frame.x(axis.position(to)), left + kThinnest);
    svg += fmt::format(
        "<rect class=\"shade\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>\n",
        left, frame.top, right - left, frame.height);
  }
  return svg;
}

/// One path for all, broken where nothing is known.
std::string steps(const ChartSeries& series, std::size_t number, double most, const TimeAxis& axis,
                  const Frame& frame) {
  std::string path;
  double end = 0;
  for (const ChartValue& value : series.values) {
    const double from = frame.x(axis.position(value.time.first));
    const double to = std::max(frame.x(axis.position(value.time.second)), from + kThinnest);
    const double y = frame.bottom() - value.value / most * frame.height;
    const bool joined = !path.empty() && value.time.first - end < 0.5;
    path += joined ? fmt::format("V{:.1f}H{:.1f}", y, to)
                   : fmt::format("M{:.1f} {:.1f}H{:.1f}", from, y, to);
    end = value.time.second;
  }
  return path.empty() ? path : fmt::format("<path class=\"s{}\" d=\"{}\"/>\n", number, path);
}

std::string legend(const Chart& chart) {
  std::string html = html_element("figcaption", chart.title);
  if (chart.series.size() < 2) return html;
  html = fmt::format("<figcaption>{}:", escape_markup(chart.title));
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    html += fmt::format(" <span class=\"k{}\">&#9632;</span> {}", i + 1,
                        escape_markup(chart.series[i].name));
  }
  return html + "</figcaption>\n";
}

}  // namespace

std::string chart_svg(const Chart& chart, const TimeAxis& axis) {
  double most = 0;
  bool any = false;
  for (const ChartSeries& series : chart.series) {
    for (const ChartValue& value : series.values) most = std::max(most, value.value);
    any = any || !series.values.empty();
  }
  if (!any) return html_element("p", chart.title + ": nothing was measured.");
  most = most > 0 ? most * 1.05 : 1;
  const Frame frame{kLeft, kWidth - kLeft - kRight, kTop, kPlotHeight};
  std::string svg = "<figure>\n" + legend(chart);
  svg += open_svg(kTop + kPlotHeight + kFoot, chart.title);
  svg += shades(chart, axis, frame) + value_marks(chart, most, frame) + time_marks(axis, frame);
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    svg += steps(chart.series[i], i + 1, most, axis, frame);
  }
  return svg + "</svg>\n</figure>\n";
}

std::string timeline_svg(const std::vector<TimelineRow>& rows, const TimeAxis& axis) {
  const double height = kRowHeight * static_cast<double>(rows.size());
  const Frame frame{kLeft, kWidth - kLeft - kNoteWidth, kTop, height};
  std::string svg = "<figure>\n" + open_svg(kTop + height + kFoot, "stages over time");
  svg += time_marks(axis, frame);
  double top = kTop;
  for (const TimelineRow& row : rows) {
    svg += text_at(kLeft - 6, top + 16, "end", row.name);
    svg += text_at(frame.left + frame.width + 10, top + 16, "start", row.note);
    for (const auto& [from, to] : row.bars) {
      const double left = frame.x(axis.position(from));
      const double right = std::max(frame.x(axis.position(to)), left + kThinnest);
      svg += fmt::format(
          "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">"
          "<title>{}</title></rect>\n",
          row.failed ? "bad" : "bar", left, top + 4, right - left, kRowHeight - 8,
          escape_markup(row.name + ": " + row.note));
    }
    top += kRowHeight;
  }
  return svg + "</svg>\n</figure>\n";
}

}  // namespace pgbackfill::tools
