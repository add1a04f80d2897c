#include "planner/job_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <system_error>
#include <thread>

namespace pgbackfill::planner {
namespace {

// What a line speaks about: "table bookings: value" of "table bookings: value = …".
std::string_view subject(std::string_view line) { return line.substr(0, line.find(" = ")); }

// The lines of `all` that `without` does not have, each as often as it has fewer of them.
std::vector<std::string> remaining(const std::vector<std::string>& all,
                                   const std::vector<std::string>& without) {
  std::map<std::string_view, std::size_t> counts;
  for (const std::string& line : without) ++counts[line];
  std::vector<std::string> result;
  for (const std::string& line : all) {
    const auto found = counts.find(line);
    if (found != counts.end() && found->second > 0) {
      --found->second;
    } else {
      result.push_back(line);
    }
  }
  return result;
}

}  // namespace

int default_ddl_workers() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency() / 2), 2, 64);
}

std::string SpecError::to_string() const {
  if (position.line <= 0) return message;
  if (position.column <= 0) return fmt::format("{}:{}: {}", position.file, position.line, message);
  return fmt::format("{}:{}:{}: {}", position.file, position.line, position.column, message);
}

const LookupSpec* JobSpec::lookup(std::string_view name) const {
  const auto found = std::find_if(lookups.begin(), lookups.end(),
                                  [&](const LookupSpec& lookup) { return lookup.name == name; });
  return found == lookups.end() ? nullptr : &*found;
}

std::vector<std::string> difference(const std::vector<std::string>& before,
                                    const std::vector<std::string>& after) {
  const std::vector<std::string> gone = remaining(before, after);
  std::vector<std::string> added = remaining(after, before);
  std::vector<std::string> result;
  for (const std::string& line : gone) {
    result.push_back("- " + line);
    // The new text of the same fact stands below the old one.
    const auto same = std::find_if(added.begin(), added.end(), [&](const std::string& candidate) {
      return subject(candidate) == subject(line);
    });
    if (same == added.end()) continue;
    result.push_back("+ " + *same);
    added.erase(same);
  }
  for (const std::string& line : added) result.push_back("+ " + line);
  return result;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::int64_t kDay = 24LL * 60 * 60 * 1000;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  std::int64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1000;
  if (unit == "min" || unit == "m") factor = 60 * 1000;
  if (unit == "h") factor = 60 * 60 * 1000;
  if (factor == 0 || count <= 0 || count > kDay / factor) return std::nullopt;
  return std::chrono::milliseconds(count * factor);
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  int shift = -1;
  if (unit == "B") shift = 0;
  if (unit == "kB") shift = 10;
  if (unit == "MB") shift = 20;
  if (unit == "GB") shift = 30;
  if (unit == "TB") shift = 40;
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  if (shift < 0 || count <= 0 || count > (kMost >> shift)) return std::nullopt;
  return count << shift;
}

}  // namespace pgbackfill::planner
