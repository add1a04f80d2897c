#include "tools/number_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace pgbackfill::tools {

std::string grouped(std::int64_t value) {
  std::string digits = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string short_count(double value) {
  if (!(value > 0)) return "0";
  // Compared with what rounding makes of it, so that 999,960 is 1.0M and not 1000.0k.
  if (value < 999.5) return fmt::format("{:.0f}", value);
  if (value < 999'950) return fmt::format("{:.1f}k", value / 1e3);
  if (value < 999.95e6) return fmt::format("{:.1f}M", value / 1e6);
  return fmt::format("{:.1f}G", value / 1e9);
}

std::string bytes_text(std::int64_t bytes) {
  const auto value = static_cast<double>(std::max<std::int64_t>(bytes, 0));
  if (value < 1000) return fmt::format("{:.0f} B", value);
  if (value < 999'950) return fmt::format("{:.1f} kB", value / 1e3);
  if (value < 999.95e6) return fmt::format("{:.1f} MB", value / 1e6);
  if (value < 999.95e9) return fmt::format("{:.1f} GB", value / 1e9);
  return fmt::format("{:.1f} TB", value / 1e12);
}

std::string brief_bytes(double bytes) {
  if (!(bytes >= 0.5)) return "0";
  if (bytes < 999.5) return fmt::format("{:.0f}B", bytes);
  constexpr std::string_view kUnits = "kMGTP";
  for (const char unit : kUnits) {
    bytes /= 1e3;
    // Compared with what rounding makes of it.
    if (bytes < 9.95) return fmt::format("{:.1f}{}", bytes, unit);
    if (bytes < 999.5 || unit == kUnits.back()) return fmt::format("{:.0f}{}", bytes, unit);
  }
  return {};
}

std::string duration_text(double seconds) {
  if (!(seconds > 0)) return "0.00 s";
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  constexpr double kLongest = 1e10;
  const auto whole = static_cast<std::int64_t>(std::llround(std::min(seconds, kLongest)));
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{}d{:02}h", whole / 86400, whole % 86400 / 3600);
}

double percent_of(double part, double whole) {
  if (!(whole > 0)) return 0;
  return std::clamp(part / whole * 100.0, 0.0, 100.0);
}

}  // namespace pgbackfill::tools
