#pragma once

#include "engine/control/run_control.hpp"
#include "engine/engine.hpp"
#include "engine/mutex.hpp"
#include "engine/stop.hpp"
#include "engine/throttle/throttle_tracker.hpp"
#include "sql/connection.hpp"

#include <boost/thread/condition_variable.hpp>
#include <boost/thread/thread.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// One look. `query`: throttle_query, empty for none. Throws sql::Error when the server cannot be
/// asked; a defect of the query is among the signals.
ThrottleSignals read_signals(sql::Connection& connection, const std::string& query);

/// Looks four times a second, in a thread and session of its own, whether the server, its replicas
/// or the operator's query call for writing slower, and makes the writers that ask do so. A limited
/// lag is looked at as often as the limit needs (ThrottleTracker::look_after()), and batches are no
/// longer than that. Every
/// change is logged, written to the ledger's diary, and kept where status reads it
/// (pgbackfill.job). start() and the destructor belong to one owner thread; the rest is
/// thread-safe.
class Throttle {
 public:
  /// `noted`: changes go to the ledger, as the coordinator's do.
  Throttle(const EngineOptions& options, const planner::Plan& plan, int job_id,
           ProgressBoard& board, StopSignal& stop, LogSink log, bool noted = true);
  ~Throttle();
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  /// Begins to look; where anything is limited, the first look is over when it returns. Harmless
  /// when it has begun.
  void start();
  /// Before a batch or a long step, with no transaction open: waits while a limit is reached or an
  /// operator has paused the run. False when a stop came first.
  /// Writers from RunControl::workers() on do not wait: they are to park.
  bool pass(int writer = 0);
  /// One of the places of those that write at the same time; gives it back when it ends.
  class Turn {
   public:
    Turn() = default;  ///< none: a stop came first
    explicit Turn(Throttle& throttle) : throttle_(&throttle) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { end(); }
    explicit operator bool() const { return throttle_ != nullptr; }
    void end();

   private:
    Throttle* throttle_ = nullptr;
  };
  /// Under a duty cycle only as many write at once as write on average, so that what the
  /// application feels is even: a share of a second of each writer is not all of them in one go.
  Turn turn();
  /// After a batch that took so long: waits as duty cycle and pressure ask for.
  void rest(std::chrono::microseconds batch);
  /// See batch_share().
  double share() const;

 private:
  ThrottleState state() const;
  void run();
  void look();
  ThrottleSignals read(std::chrono::steady_clock::time_point now);
  /// `begun`: when the look was.
  void change(ThrottleState next, std::chrono::steady_clock::time_point begun);
  bool is_news(const ThrottleState& next, std::chrono::steady_clock::time_point now);
  void tell(const ThrottleState& next);
  /// No reason is left where status reads it.
  void clear();
  void slept(std::chrono::steady_clock::time_point since);
  bool must_wait() const;

  const std::shared_ptr<RunControl> control_;
  const sql::ConnectOptions connect_;
  const int job_id_;
  ProgressBoard& board_;
  StopSignal& stop_;
  const LogSink log_;
  const bool noted_;
  const std::string query_;
  ThrottleTracker tracker_;  // the watch's thread only while it runs, as the next eight
  std::optional<sql::Connection> connection_;
  std::optional<StopSignal::Lease> lease_;
  ThrottleState told_;  ///< last written down
  std::optional<std::chrono::steady_clock::time_point> calm_since_;
  int changes_seen_ = 0;
  std::chrono::steady_clock::time_point asked_;  ///< when throttle_query was
  std::optional<double> answer_;                 ///< what it said
  std::string defect_;
  mutable Mutex mutex_;
  boost::condition_variable wake_;
  boost::condition_variable turn_ended_;
  int writing_ = 0;                                      // guarded by mutex_; turns that are taken
  ThrottleState state_;                                  // guarded by mutex_
  std::chrono::milliseconds look_after_{kThrottleLook};  // guarded by mutex_
  /// Until when state_ may be gone by.
  std::chrono::steady_clock::time_point fresh_until_ =  // guarded by mutex_
      std::chrono::steady_clock::time_point::max();
  bool ended_ = false;                     // guarded by mutex_
  std::atomic<std::int64_t> slept_us_{0};  ///< by all writers together
  boost::thread thread_;
};

}  // namespace pgbackfill::engine
