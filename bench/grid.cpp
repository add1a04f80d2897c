#include "bench/grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace pgbackfill::bench {
namespace {

std::optional<Ratios> grid_ratios(const CellReport& report) {
  const auto ours = median_of(report, Contestant::kAuto);
  if (!ours) return std::nullopt;
  return ratios(*ours, median_of(report, Contestant::kKeyset));
}

std::string cell_name(const Cell& cell) {
  return fmt::format("{:<9}{:>8}{:>10}{:>12}", to_string(cell.key), cell.indexes, cell.rows,
                     cell.fillfactor);
}

/// The position of `value` in `values`, where it is added if it is new.
template <typename T>
std::size_t place(std::vector<T>& values, const T& value) {
  const auto found = std::find(values.begin(), values.end(), value);
  const auto index = static_cast<std::size_t>(std::distance(values.begin(), found));
  if (found == values.end()) values.push_back(value);
  return index;
}

}  // namespace

std::string grid_header() {
  return fmt::format("{:<9}{:>8}{:>10}{:>12}{:>12}{:>12}{:>8}{:>8}\n", "key", "indexes", "rows",
                     "fillfactor", "keyset/s", "auto/s", "speed", "WAL");
}

std::string grid_line(const CellReport& report) {
  const auto rival = median_of(report, Contestant::kKeyset);
  const auto ours = median_of(report, Contestant::kAuto);
  const auto ratio = grid_ratios(report);
  const auto speed = [](const std::optional<Measurement>& figures) {
    return figures ? fmt::format("{:.0f}", figures->rows_per_second) : std::string("-");
  };
  return fmt::format("{}{:>12}{:>12}{:>8}{:>8}\n", cell_name(report.cell), speed(rival),
                     speed(ours), ratio ? fmt::format("x{:.2f}", ratio->rows_per_second) : "-",
                     ratio ? fmt::format("x{:.2f}", ratio->wal) : "-");
}

std::string grid_summary(const std::vector<CellReport>& reports) {
  std::string short_of;
  int counted = 0;
  for (const CellReport& report : reports) {
    const auto ratio = grid_ratios(report);
    if (!ratio || report.cell.rows < kGridRowsFrom) continue;
    ++counted;
    if (ratio->rows_per_second < kGridLeastSpeed || ratio->wal > kGridMostWal) {
      short_of += "  " + grid_line(report);
    }
  }
  std::string text = fmt::format(
      "{} tables of {} rows or more: each should have at least x{:.2f} of the rival's "
      "rows/s with at most x{:.2f} of its WAL\n",
      counted, kGridRowsFrom, kGridLeastSpeed, kGridMostWal);
  return text + (short_of.empty() ? "all have\n" : "these have not:\n" + short_of);
}

HeatMap grid_heat_map(const std::vector<CellReport>& reports) {
  HeatMap map;
  map.title = "rows/s of pgbackfill (auto) as a multiple of keyset batches";
  map.value_name = "times the rival's rows/s";
  map.column_name = "secondary indexes";
  map.row_name = "key";
  std::vector<int> indexes;
  std::vector<std::string> panels;
  struct Point {
    std::size_t panel, row, column;
    std::optional<double> value;
  };
  std::vector<Point> points;
  for (const CellReport& report : reports) {
    const Cell& cell = report.cell;
    const auto ratio = grid_ratios(report);
    points.push_back(
        {place(panels, fmt::format("{} rows, fillfactor {}", cell.rows, cell.fillfactor)),
         place(map.rows, std::string(to_string(cell.key))), place(indexes, cell.indexes),
         ratio ? std::optional(ratio->rows_per_second) : std::nullopt});
  }
  for (const int count : indexes) map.columns.push_back(std::to_string(count));
  for (const std::string& title : panels) {
    map.panels.push_back({title, std::vector(map.rows.size(), std::vector<std::optional<double>>(
                                                                  map.columns.size()))});
  }
  for (const Point& point : points) {
    map.panels[point.panel].values[point.row][point.column] = point.value;
  }
  return map;
}

}  // namespace pgbackfill::bench
