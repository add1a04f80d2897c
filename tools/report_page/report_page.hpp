#pragma once

#include "tools/report_page/report_data.hpp"

#include <string>
#include <string_view>

namespace pgbackfill::tools {

/// First line of every page, by which one is known that may be overwritten.
inline constexpr std::string_view kPageMark = "<!DOCTYPE html><!-- pgbackfill report -->";

/// One HTML page that needs nothing besides itself: no script, no font, no picture.
std::string report_page(const ReportData& data);

/// `running`, `finished`, `failed`, `stopped` or `rolling back`.
std::string_view job_word(const JobState& state);

}  // namespace pgbackfill::tools
