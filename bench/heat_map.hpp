#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::bench {

/// Values over two axes, one panel for each value of a third. All panels share one colour scale.
struct HeatMap {
  struct Panel {
    std::string title;
    /// [row][column]; nullopt: not measured.
    std::vector<std::vector<std::optional<double>>> values;
  };
  std::string title;
  std::string value_name;   ///< what the colours mean
  std::string column_name;  ///< what goes across
  std::string row_name;     ///< what goes down
  std::vector<std::string> columns;
  std::vector<std::string> rows;
  std::vector<Panel> panels;
};

/// A stand-alone SVG document.
std::string to_svg(const HeatMap& map);

}  // namespace pgbackfill::bench
