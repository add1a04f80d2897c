#include "engine/retry_policy.hpp"

#include <algorithm>
#include <atomic>

namespace pgbackfill::engine {
namespace {

std::atomic<std::int64_t> drawn_pauses{0};

}  // namespace

std::int64_t Backoff::drawn() noexcept { return drawn_pauses; }

std::chrono::milliseconds Backoff::next() {
  ++drawn_pauses;
  std::uniform_int_distribution<std::int64_t> draw(base_.count(),
                                                   std::max(base_.count(), last_.count() * 3));
  last_ = std::min(cap_, std::chrono::milliseconds(draw(random_)));
  return last_;
}

}  // namespace pgbackfill::engine
