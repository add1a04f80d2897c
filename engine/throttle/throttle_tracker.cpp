#include "engine/throttle/throttle_tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace pgbackfill::engine {
namespace {

using Level = ThrottleState::Level;

/// Share of a limit from which on it matters.
constexpr double kSoftFrom = 0.8;
/// Looks that may fail in a row before a limited lag counts as unknown.
constexpr int kUnseenLooks = 3;
/// For neighbours that no key limits: a session that waits for us slows the writers to about a
/// third, an autovacuum by about a third.
constexpr double kBlockedPressure = 0.5;
constexpr double kVacuumPressure = 0.1;
constexpr double kMostPauses = 4;
/// Under a low duty cycle; below it a batch would be mostly its fixed cost.
constexpr double kLeastBatch = 0.1;
/// Seconds of max_wal_rate that a quiet server may catch up on, and that a busy one owes at most.
constexpr double kWalCredit = 0.5;
constexpr double kWalDebt = 10;
/// Of a limited lag, what may come between two looks.
constexpr double kLookShare = 0.1;
constexpr double kLookLeast = 0.02;
/// Writers may begin at any time: bytes a second that are reckoned with however quiet it is.
constexpr double kWalRateLeast = 32 << 20;
/// What is left of the highest rate seen after a look at a lower one.
constexpr double kWalRateKept = 0.9;
/// How finely a lag in time is told.
constexpr std::chrono::milliseconds kPositionsEvery{100};

std::string megabytes(double bytes) { return fmt::format("{:.1f} MB", bytes / (1 << 20)); }

void raise(ThrottleState& state, Level level, double pressure, std::string reason) {
  const bool more = level > state.level || (level == state.level && pressure > state.pressure);
  if (more) state = {level, pressure, std::move(reason)};
}

}  // namespace

ThrottleTracker::ThrottleTracker(const planner::RunOptions& run, std::vector<std::string> tables)
    : run_(run), tables_(std::move(tables)) {}

void ThrottleTracker::limit_by(const planner::RunOptions& run) {
  // What was written under the old rate is neither owed nor saved.
  if (run.max_wal_rate != run_.max_wal_rate) wal_looked_.reset();
  run_ = run;
}

ThrottleState ThrottleTracker::observe(const ThrottleSignals& signals, Clock::time_point now) {
  unseen_looks_ = 0;
  ThrottleState state;
  watch_replicas(signals, now, state);
  watch_wal(signals, now, state);
  watch_slots(signals, state);
  watch_query(signals, state);
  watch_neighbours(signals, now, state);
  last_ = state;
  pace(signals, now);
  return state;
}

ThrottleState ThrottleTracker::unseen(const std::string& why) {
  ++unseen_looks_;
  blocked_since_.reset();
  wal_looked_.reset();
  paced_.reset();
  look_after_ = kThrottleLook;
  if (unseen_looks_ < kUnseenLooks) return last_;
  last_ = {};
  // Without the server nothing is written; what it says again is judged when it does.
  if (run_.max_replica_lag.given()) {
    last_ = {Level::kHard, 1, "the replicas' lag cannot be seen: " + why};
  }
  return last_;
}

void ThrottleTracker::limit(ThrottleState& state, double value, double most,
                            std::string reason) const {
  if (!(most > 0)) return;
  const double share = value / most;
  if (share >= 1) {
    raise(state, Level::kHard, 1, std::move(reason));
  } else if (share >= kSoftFrom) {
    raise(state, Level::kSoft, (share - kSoftFrom) / (1 - kSoftFrom), std::move(reason));
  }
}

/// The server measures it when something is replayed: while nothing is, it does not grow there. So
/// the time since we first saw a position that is not replayed counts as well.
double ThrottleTracker::lag_seconds(const ThrottleSignals& signals, Clock::time_point now) {
  const std::int64_t replayed = signals.wal - signals.lag_bytes;
  while (!unreplayed_.empty() && unreplayed_.front().wal <= replayed) unreplayed_.pop_front();
  // Without anything to replay there is no lag, whatever the last one measured was.
  if (signals.lag_bytes <= 0) return 0;
  if (unreplayed_.empty() || now - unreplayed_.back().at >= kPositionsEvery) {
    unreplayed_.push_back({now, signals.wal});
  }
  return std::max(signals.lag_seconds,
                  std::chrono::duration<double>(now - unreplayed_.front().at).count());
}

void ThrottleTracker::pace(const ThrottleSignals& signals, Clock::time_point now) {
  const planner::ReplicaLag& most = run_.max_replica_lag;
  double seconds = std::chrono::duration<double>(kThrottleLook).count();
  if (most.time.count() > 0) {
    seconds = std::min(seconds, kLookShare * std::chrono::duration<double>(most.time).count());
  }
  // What paused writers do not write says nothing of what they will.
  if (last_.level != Level::kHard) wal_rate_ *= kWalRateKept;
  if (paced_ && now > paced_->at) {
    const double passed = std::chrono::duration<double>(now - paced_->at).count();
    wal_rate_ = std::max(wal_rate_, static_cast<double>(signals.wal - paced_->wal) / passed);
  }
  paced_ = {now, signals.wal};
  if (most.bytes > 0) {
    seconds = std::min(
        seconds, kLookShare * static_cast<double>(most.bytes) / std::max(wal_rate_, kWalRateLeast));
  }
  look_after_ =
      std::chrono::milliseconds(static_cast<std::int64_t>(1000 * std::max(seconds, kLookLeast)));
}

void ThrottleTracker::watch_replicas(const ThrottleSignals& signals, Clock::time_point now,
                                     ThrottleState& state) {
  const planner::ReplicaLag& most = run_.max_replica_lag;
  const double behind = lag_seconds(signals, now);
  if (!most.given()) return;
  most_replicas_ = std::max(most_replicas_, signals.replicas);
  if (signals.replicas == 0) {
    raise(state, Level::kHard, 1, "no replica is connected, so its lag cannot be seen");
  } else if (signals.replicas < most_replicas_) {
    raise(state, Level::kHard, 1,
          fmt::format("{} of {} replicas are connected (to go on with these, stop and run again)",
                      signals.replicas, most_replicas_));
  } else if (signals.replicas_unseen > 0) {
    raise(state, Level::kHard, 1, "a replica's lag is not known to this role, or not yet");
  }
  const auto bytes = static_cast<double>(signals.lag_bytes);
  limit(state, bytes, static_cast<double>(most.bytes),
        fmt::format("replica {} is {} behind, the limit is {}", signals.lagging, megabytes(bytes),
                    megabytes(static_cast<double>(most.bytes))));
  const double seconds = std::chrono::duration<double>(most.time).count();
  limit(state, behind, seconds,
        fmt::format("replica {} is {:.1f} s behind, the limit is {:.1f} s", signals.lagging, behind,
                    seconds));
}

void ThrottleTracker::watch_wal(const ThrottleSignals& signals, Clock::time_point now,
                                ThrottleState& state) {
  const auto most = static_cast<double>(run_.max_wal_rate);
  if (!(most > 0)) return;
  const auto wal = static_cast<double>(signals.wal);
  if (wal_looked_) {
    wal_allowed_ += most * std::chrono::duration<double>(now - *wal_looked_).count();
    wal_allowed_ = std::clamp(wal_allowed_, wal - most * kWalDebt, wal + most * kWalCredit);
  } else {
    wal_allowed_ = wal;
  }
  wal_looked_ = now;
  if (wal <= wal_allowed_) return;
  raise(state, Level::kHard, 1,
        fmt::format("the server writes more WAL than {} a second", megabytes(most)));
}

void ThrottleTracker::watch_slots(const ThrottleSignals& signals, ThrottleState& state) const {
  const auto slot = static_cast<double>(signals.slot_bytes);
  const auto most = static_cast<double>(run_.max_slot_wal);
  limit(state, slot, most,
        fmt::format("replication slot {} retains {} of WAL, the limit is {}", signals.slot,
                    megabytes(slot), megabytes(most)));
}

void ThrottleTracker::watch_query(const ThrottleSignals& signals, ThrottleState& state) const {
  if (!signals.defect.empty()) {
    raise(state, Level::kHard, 1, "throttle_query has no answer: " + signals.defect);
  } else if (signals.answer && *signals.answer > 0) {
    raise(state, Level::kHard, 1, fmt::format("throttle_query says {}", *signals.answer));
  }
}

void ThrottleTracker::watch_neighbours(const ThrottleSignals& signals, Clock::time_point now,
                                       ThrottleState& state) {
  if (signals.blocked == 0) {
    blocked_since_.reset();
  } else if (!blocked_since_) {
    blocked_since_ = now;
  } else if (now - *blocked_since_ >= kThrottleLook) {
    raise(state, Level::kSoft, kBlockedPressure,
          fmt::format("{} session{} for a lock of pgbackfill", signals.blocked,
                      signals.blocked == 1 ? " waits" : "s wait"));
  }
  for (const std::string& table : signals.vacuumed) {
    if (std::find(tables_.begin(), tables_.end(), table) == tables_.end()) continue;
    raise(state, Level::kSoft, kVacuumPressure, fmt::format("{} is being vacuumed", table));
  }
}

std::chrono::microseconds pause_after(std::chrono::microseconds batch, double duty_cycle,
                                      const ThrottleState& state) {
  double pauses = duty_cycle > 0 && duty_cycle < 1 ? 1 / duty_cycle - 1 : 0;
  if (state.level == Level::kSoft) pauses = std::max(pauses, state.pressure * kMostPauses);
  return std::chrono::microseconds(
      static_cast<std::int64_t>(static_cast<double>(batch.count()) * pauses));
}

std::string without_figures(std::string reason) {
  std::erase_if(reason, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return reason;
}

int writers_at_once(int workers, double duty_cycle) {
  if (duty_cycle <= 0 || duty_cycle >= 1) return workers;
  return static_cast<int>(std::ceil(workers * duty_cycle));
}

double batch_share(double duty_cycle, const ThrottleState& state) {
  const double cycle = std::clamp(duty_cycle, kLeastBatch, 1.0);
  return state.level == Level::kNone ? cycle : cycle * (1 - 0.75 * std::min(1.0, state.pressure));
}

}  // namespace pgbackfill::engine
