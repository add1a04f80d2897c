#pragma once

#include "tools/report_page/report_data.hpp"

#include <string>

namespace pgbackfill::tools {

/// A row of bars per stage.
std::string stage_timeline(const JobState& state);

/// Rows and WAL per second and the batches' times, with what held the writers back shaded.
std::string backfill_charts(const ReportData& data);

}  // namespace pgbackfill::tools
