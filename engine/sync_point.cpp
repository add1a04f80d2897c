#include "engine/sync_point.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>

namespace pgbackfill::engine {
namespace {

struct Armed {
  int point = -1;  ///< -1: none
  int signal = SIGKILL;
  std::atomic<int> remaining{0};  ///< times to pass it before it acts
};

Armed armed;

}  // namespace

std::optional<std::string> arm_sync_point(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view action = equals == std::string_view::npos ? "" : text.substr(equals + 1);
  std::string_view name = text.substr(0, equals);
  int count = 1;
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    const std::string_view number = name.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (error != std::errc{} || end != number.data() + number.size() || count < 1) {
      return fmt::format("\"{}\" is not a number of times", number);
    }
    name = name.substr(0, colon);
  }
  if (action != "kill" && action != "stop") {
    return fmt::format("write NAME=kill or NAME=stop, not \"{}\"", text);
  }
  const auto found = std::find(kSyncPointNames.begin(), kSyncPointNames.end(), name);
  if (found == kSyncPointNames.end()) {
    return fmt::format("no sync point is called \"{}\"; there are {}", name,
                       fmt::join(kSyncPointNames, ", "));
  }
  armed.signal = action == "kill" ? SIGKILL : SIGSTOP;
  armed.remaining = count;
  armed.point = static_cast<int>(found - kSyncPointNames.begin());
  return std::nullopt;
}

void sync_point(SyncPoint point) noexcept {
  if (armed.point != static_cast<int>(point)) return;
  if (--armed.remaining == 0) std::raise(armed.signal);
}

}  // namespace pgbackfill::engine
