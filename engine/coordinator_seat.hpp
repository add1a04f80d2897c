#pragma once

#include "sql/connection.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace pgbackfill::engine {

/// The session that made this process the job's coordinator is gone, so another may have become it.
class SeatLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Who may change things: the one session that holds the coordinator's advisory lock, and the
/// sessions that work for it, each of which holds a second one, shared. A new coordinator takes the
/// first, then waits until nobody holds the second: workers of a coordinator whose link was lost,
/// or backends of a killed process that have not noticed, never work beside it. Thread-safe.
class CoordinatorSeat {
 public:
  /// A statement in flight is over after lock_timeout or a batch's time, as a rule; so long a new
  /// coordinator waits for it.
  explicit CoordinatorSeat(std::chrono::milliseconds patience = std::chrono::seconds(10))
      : patience_(patience) {}
  /// Takes the seat for this session. Throws Refused, naming who has it or still works.
  void take(sql::Connection& coordinator);
  /// Makes a new session one that works for the seat's holder. Throws SeatLost when that session
  /// does not hold it any more.
  void join(sql::Connection& worker) const;

 private:
  const std::chrono::milliseconds patience_;
  std::atomic<int> pid_{0};  ///< the holder's backend
};

}  // namespace pgbackfill::engine
