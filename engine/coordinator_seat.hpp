#pragma once

#include "engine/engine.hpp"
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

/// Another has the seat, or somebody still works for its last holder.
class SeatTaken : public Refused {
 public:
  using Refused::Refused;
};

/// Who may change things: the one session that holds the coordinator's advisory lock, and the
/// sessions that work for it, each of which holds a second one, shared. A new coordinator takes the
/// first, then waits until nobody holds the second: workers of a coordinator whose link was lost,
/// or backends of a killed process that have not noticed, never work beside it. Helpers of the job
/// hold neither: all they write is batches of ranges, which the range's lease guards against
/// whoever has taken it over. Thread-safe.
class CoordinatorSeat {
 public:
  /// A statement in flight is over after lock_timeout or a batch's time, as a rule; so long a new
  /// coordinator waits for it.
  explicit CoordinatorSeat(std::chrono::milliseconds patience = std::chrono::seconds(10))
      : patience_(patience) {}
  /// Takes the seat for this session. Throws SeatTaken, naming who has it or still works.
  void take(sql::Connection& coordinator);
  /// Gives up the seat that this session has; it may go on looking.
  static void leave(sql::Connection& coordinator);
  /// Whether nobody holds it, as seen by this session, which does not keep it.
  static bool is_free(sql::Connection& connection);
  /// Makes a new session one that works for the seat's holder. Throws SeatLost when that session
  /// does not hold it any more.
  void join(sql::Connection& worker) const;

 private:
  const std::chrono::milliseconds patience_;
  std::atomic<int> pid_{0};  ///< the holder's backend
};

}  // namespace pgbackfill::engine
