#include "engine/retry_policy.hpp"

#include <algorithm>

namespace pgbackfill::engine {

std::chrono::milliseconds Backoff::next() {
  std::uniform_int_distribution<std::int64_t> draw(base_.count(),
                                                   std::max(base_.count(), last_.count() * 3));
  last_ = std::min(cap_, std::chrono::milliseconds(draw(random_)));
  return last_;
}

}  // namespace pgbackfill::engine
