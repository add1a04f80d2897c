#pragma once

#include "engine/forecast.hpp"
#include "planner/job_spec.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// What one look at the server found (sql/statements/throttle_signals.sql).
struct ThrottleSignals {
  std::int64_t wal = 0;  ///< bytes ever written by the server
  int replicas = 0;
  int replicas_unseen = 0;  ///< connected, but their lag is hidden from the role
  std::int64_t lag_bytes = 0;
  double lag_seconds = 0;
  std::string lagging;  ///< name of the replica furthest behind
  std::int64_t slot_bytes = 0;
  std::string slot;
  int blocked = 0;                    ///< sessions that wait for a lock of ours
  std::vector<std::string> vacuumed;  ///< tables
  std::vector<BuildProgress> builds;  ///< indexes that this program builds
  /// Of throttle_query: a number, true as 1; nullopt: not asked.
  std::optional<double> answer;
  std::string defect;  ///< why throttle_query has no answer
};

/// How often the server is looked at where nothing calls for more.
inline constexpr std::chrono::milliseconds kThrottleLook{250};

/// How much the writers are to hold back.
struct ThrottleState {
  enum class Level { kNone, kSoft, kHard } level = Level::kNone;
  /// kSoft: how near to the limit, from 0 (it just begins to matter) to 1 (the limit).
  double pressure = 0;
  std::string reason;  ///< for people; empty with kNone
};

/// Turns looks into states: hard at a limit, soft from four fifths of it on. Where lag is limited,
/// a replica that cannot be seen, or no longer can, counts as at the limit. WAL over its rate is
/// paid back: writers pause until the mean since is under it. Sessions that wait for a lock of ours
/// at all looks of a quarter of a second, and an autovacuum on a table of the job, slow down
/// softly, without a key. Thread-compatible.
class ThrottleTracker {
 public:
  using Clock = std::chrono::steady_clock;

  /// `tables`: those that are written, as regclass text shows them.
  ThrottleTracker(const planner::RunOptions& run, std::vector<std::string> tables);

  /// Other limits from now on.
  void limit_by(const planner::RunOptions& run);
  ThrottleState observe(const ThrottleSignals& signals, Clock::time_point now);
  /// The server could not be asked.
  ThrottleState unseen(const std::string& why);
  /// How soon to look again: where lag is limited, before a tenth of the limit has passed or, at
  /// the most WAL a second that was seen of late, been written.
  std::chrono::milliseconds look_after() const { return look_after_; }

 private:
  void limit(ThrottleState& state, double value, double most, std::string reason) const;
  void watch_replicas(const ThrottleSignals& signals, Clock::time_point now, ThrottleState& state);
  double lag_seconds(const ThrottleSignals& signals, Clock::time_point now);
  void pace(const ThrottleSignals& signals, Clock::time_point now);
  void watch_wal(const ThrottleSignals& signals, Clock::time_point now, ThrottleState& state);
  void watch_slots(const ThrottleSignals& signals, ThrottleState& state) const;
  void watch_query(const ThrottleSignals& signals, ThrottleState& state) const;
  void watch_neighbours(const ThrottleSignals& signals, Clock::time_point now,
                        ThrottleState& state);

  planner::RunOptions run_;
  const std::vector<std::string> tables_;
  std::optional<Clock::time_point> wal_looked_;
  double wal_allowed_ = 0;  ///< position up to which the server may have written
  struct Position {
    Clock::time_point at;
    std::int64_t wal = 0;
  };
  std::deque<Position> unreplayed_;  ///< positions seen that the slowest replica has not come to
  std::optional<Position> paced_;    ///< the last look
  double wal_rate_ = 0;              ///< bytes a second, at the most of late
  std::chrono::milliseconds look_after_{kThrottleLook};
  int most_replicas_ = 0;
  std::optional<Clock::time_point> blocked_since_;
  int unseen_looks_ = 0;
  ThrottleState last_;
};

/// What a writer waits after a batch that took `batch`: for the share of time that it may write
/// (RunOptions::duty_cycle), and up to four times the batch under soft pressure.
std::chrono::microseconds pause_after(std::chrono::microseconds batch, double duty_cycle,
                                      const ThrottleState& state);

/// Figures change at every look; a message is due when the rest of it does.
std::string without_figures(std::string reason);

/// How many of `workers` write on average under a duty cycle, rounded up.
int writers_at_once(int workers, double duty_cycle);

/// Share of its usual rows that a batch should hold: the duty cycle (a tenth at least: an
/// application waits for rows of a batch for as long as it takes, so that pauses alone would spare
/// the mean and not the tail), down to a quarter of that at a limit.
double batch_share(double duty_cycle, const ThrottleState& state);

}  // namespace pgbackfill::engine
