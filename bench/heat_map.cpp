#include "bench/heat_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace pgbackfill::bench {
namespace {

constexpr int kCellWidth = 72;
constexpr int kCellHeight = 34;
constexpr int kMargin = 16;
constexpr int kTitleHeight = 44;
constexpr int kPanelTop = 46;   ///< title and column labels of a panel
constexpr int kPanelLeft = 76;  ///< row labels of a panel
constexpr int kPanelsAcross = 3;
constexpr int kScaleHeight = 56;
constexpr int kScaleWidth = 240;
constexpr int kScaleSteps = 48;

struct Colour {
  double red;
  double green;
  double blue;
};

/// Dark to light with steadily rising brightness, so that it also reads in grey.
constexpr std::array<Colour, 5> kStops{
    {{49, 22, 92}, {46, 88, 140}, {33, 145, 140}, {126, 200, 90}, {250, 230, 60}}};

Colour colour_at(double share) {
  const double place = std::clamp(share, 0.0, 1.0) * (kStops.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), kStops.size() - 2);
  const double part = place - static_cast<double>(below);
  const auto mix = [part](double from, double to) { return from + (to - from) * part; };
  const Colour& from = kStops.at(below);
  const Colour& to = kStops.at(below + 1);
  return {mix(from.red, to.red), mix(from.green, to.green), mix(from.blue, to.blue)};
}

std::string hex(const Colour& colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", std::lround(colour.red), std::lround(colour.green),
                     std::lround(colour.blue));
}

std::string ink_on(const Colour& colour) {
  const double brightness = 0.30 * colour.red + 0.59 * colour.green + 0.11 * colour.blue;
  return brightness > 130 ? "#111111" : "#ffffff";
}

std::string escape(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

/// 1.25, 950, 9.5k, 95k, 1.2M
std::string short_number(double value) {
  if (value >= 1e6) return fmt::format("{:.1f}M", value / 1e6);
  if (value >= 1e5) return fmt::format("{:.0f}k", value / 1e3);
  if (value >= 1e3) return fmt::format("{:.1f}k", value / 1e3);
  return value < 100 ? fmt::format("{:.2f}", value) : fmt::format("{:.0f}", value);
}

struct Range {
  double least = 0;
  double most = 0;
  double share(double value) const { return most > least ? (value - least) / (most - least) : 1.0; }
};

Range range_of(const HeatMap& map) {
  std::optional<Range> range;
  for (const HeatMap::Panel& panel : map.panels) {
    for (const auto& row : panel.values) {
      for (const auto& value : row) {
        if (!value) continue;
        if (!range) range = Range{*value, *value};
        range->least = std::min(range->least, *value);
        range->most = std::max(range->most, *value);
      }
    }
  }
  return range.value_or(Range{});
}

std::string label(double x, double y, std::string_view anchor, std::string_view fill,
                  const std::string& text, int size = 12) {
  return fmt::format(
      "<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"{}\" fill=\"{}\" font-size=\"{}\">{}</text>\n",
      x, y, anchor, fill, size, escape(text));
}

std::string cell(double x, double y, const std::optional<double>& value, const Range& range) {
  const Colour colour = colour_at(value ? range.share(*value) : 0);
  std::string text = fmt::format(
      "<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{}\" height=\"{}\" fill=\"{}\" "
      "stroke=\"#ffffff\"/>\n",
      x, y, kCellWidth, kCellHeight, value ? hex(colour) : "#dddddd");
  text += label(x + kCellWidth / 2.0, y + kCellHeight / 2.0 + 4, "middle",
                value ? ink_on(colour) : "#555555", value ? short_number(*value) : "–");
  return text;
}

std::string panel_svg(const HeatMap& map, const HeatMap::Panel& panel, double x, double y,
                      const Range& range) {
  const double left = x + kPanelLeft;
  const double top = y + kPanelTop;
  std::string text = label(x, y + 12, "start", "#111111", panel.title, 14);
  text += label(left - 8, top - 6, "end", "#555555", map.row_name, 11);
  text += label(left + kCellWidth * static_cast<double>(map.columns.size()), y + 12, "end",
                "#555555", map.column_name + " →", 11);
  for (std::size_t column = 0; column < map.columns.size(); ++column) {
    text += label(left + kCellWidth * (static_cast<double>(column) + 0.5), top - 6, "middle",
                  "#111111", map.columns[column]);
  }
  for (std::size_t row = 0; row < map.rows.size(); ++row) {
    const double row_top = top + kCellHeight * static_cast<double>(row);
    text += label(left - 8, row_top + kCellHeight / 2.0 + 4, "end", "#111111", map.rows[row]);
    for (std::size_t column = 0; column < map.columns.size(); ++column) {
      text += cell(left + kCellWidth * static_cast<double>(column), row_top,
                   panel.values.at(row).at(column), range);
    }
  }
  return text;
}

std::string scale_svg(const HeatMap& map, double x, double y, const Range& range) {
  std::string text = label(x, y, "start", "#111111", map.value_name);
  const double step = static_cast<double>(kScaleWidth) / kScaleSteps;
  for (int i = 0; i < kScaleSteps; ++i) {
    text += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.0f}\" width=\"{:.1f}\" height=\"14\" fill=\"{}\"/>\n",
        x + step * i, y + 8, step + 0.5, hex(colour_at((i + 0.5) / kScaleSteps)));
  }
  text += label(x, y + 36, "start", "#111111", short_number(range.least), 11);
  text += label(x + kScaleWidth, y + 36, "end", "#111111", short_number(range.most), 11);
  return text;
}

}  // namespace

std::string to_svg(const HeatMap& map) {
  const double panel_width = kPanelLeft + kCellWidth * static_cast<double>(map.columns.size());
  const double panel_height = kPanelTop + kCellHeight * static_cast<double>(map.rows.size());
  const auto across = static_cast<double>(std::min<std::size_t>(map.panels.size(), kPanelsAcross));
  const auto down = static_cast<double>((map.panels.size() + kPanelsAcross - 1) / kPanelsAcross);
  const double width =
      std::max(across * (panel_width + kMargin) + kMargin, kScaleWidth + 2.0 * kMargin);
  const double panels_height = down * (panel_height + kMargin);
  const double height = kTitleHeight + panels_height + kScaleHeight;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"sans-serif\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      width, height);
  text += label(kMargin, 26, "start", "#111111", map.title, 16);
  const Range range = range_of(map);
  for (std::size_t i = 0; i < map.panels.size(); ++i) {
    const auto column = static_cast<double>(i % kPanelsAcross);
    const auto row = static_cast<double>(i / kPanelsAcross);
    text += panel_svg(map, map.panels[i], kMargin + column * (panel_width + kMargin),
                      kTitleHeight + row * (panel_height + kMargin), range);
  }
  text += scale_svg(map, kMargin, kTitleHeight + panels_height + 8, range);
  return text + "</svg>\n";
}

}  // namespace pgbackfill::bench
