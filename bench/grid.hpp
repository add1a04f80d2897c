#pragma once

#include "bench/heat_map.hpp"
#include "bench/report.hpp"

#include <string>
#include <vector>

namespace pgbackfill::bench {

/// What ours should hold against the keyset rival, whatever the table, from so many rows on.
inline constexpr std::int64_t kGridRowsFrom = 100'000;
inline constexpr double kGridLeastSpeed = 0.95;
inline constexpr double kGridMostWal = 1.0;

/// One line for each table: the rival's rows/s, those of `auto`, and the ratios.
std::string grid_header();
std::string grid_line(const CellReport& report);
/// How many tables there are, and which fall short of what ours should hold.
std::string grid_summary(const std::vector<CellReport>& reports);

/// Speed as a multiple of the rival's: keys against indexes, one panel for each size and
/// fillfactor.
HeatMap grid_heat_map(const std::vector<CellReport>& reports);

}  // namespace pgbackfill::bench
