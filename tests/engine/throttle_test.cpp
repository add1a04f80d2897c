#include "engine/throttle/throttle_tracker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::engine {
namespace {

using Level = ThrottleState::Level;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::int64_t kMegabyte = 1 << 20;

class ThrottleTrackerTest : public ::testing::Test {
 protected:
  ThrottleState look(const ThrottleSignals& signals, int after_ms = 250) {
    if (!tracker_) tracker_.emplace(run_, std::vector<std::string>{"bookings", "crm.notes"});
    now_ += milliseconds(after_ms);
    return tracker_->observe(signals, now_);
  }
  static ThrottleSignals replica(double megabytes, double seconds) {
    ThrottleSignals signals;
    signals.replicas = 1;
    signals.lagging = "standby";
    signals.lag_bytes = static_cast<std::int64_t>(megabytes * kMegabyte);
    signals.lag_seconds = seconds;
    return signals;
  }

  planner::RunOptions run_;
  std::optional<ThrottleTracker> tracker_;
  ThrottleTracker::Clock::time_point now_;
};

TEST_F(ThrottleTrackerTest, NothingIsLimitedWithoutAKey) {
  ThrottleSignals signals = replica(1e6, 1e6);
  signals.slot_bytes = std::int64_t{1} << 50;
  EXPECT_EQ(look(signals).level, Level::kNone);
  signals.wal = std::int64_t{1} << 50;
  EXPECT_EQ(look(signals).level, Level::kNone);
  EXPECT_EQ(tracker_->unseen("x").level, Level::kNone);
}

TEST_F(ThrottleTrackerTest, ReplicaLagIsLimitedInBytesOrInTime) {
  run_.max_replica_lag.bytes = 100 * kMegabyte;
  EXPECT_EQ(look(replica(79, 1e6)).level, Level::kNone);
  const ThrottleState soft = look(replica(90, 0));
  EXPECT_EQ(soft.level, Level::kSoft);
  EXPECT_NEAR(soft.pressure, 0.5, 1e-9);
  const ThrottleState hard = look(replica(100, 0));
  EXPECT_EQ(hard.level, Level::kHard);
  EXPECT_EQ(hard.reason, "replica standby is 100.0 MB behind, the limit is 100.0 MB");

  tracker_.reset();
  run_.max_replica_lag = {std::chrono::seconds(10), 0};
  EXPECT_EQ(look(replica(1e6, 7.9)).level, Level::kNone);
  EXPECT_EQ(look(replica(1, 10)).level, Level::kHard);
  EXPECT_EQ(look(replica(0, 10)).level, Level::kNone) << "all is replayed: the lag is history";
}

TEST_F(ThrottleTrackerTest, LagInTimeGrowsWhileNothingIsReplayed) {
  run_.max_replica_lag = {std::chrono::seconds(10), 0};
  // What the server measured last, at a position that is not replayed for ten seconds.
  ThrottleSignals stuck = replica(0, 0);
  stuck.wal = 100 * kMegabyte;
  look(stuck);
  stuck.lag_seconds = 0.1;
  for (int i = 0; i < 40; ++i) {
    stuck.wal += kMegabyte;
    stuck.lag_bytes += kMegabyte;
    EXPECT_NE(look(stuck).level, Level::kHard) << i;
  }
  EXPECT_EQ(look(stuck).reason, "replica standby is 10.0 s behind, the limit is 10.0 s");
  // All but the last two seconds are replayed.
  stuck.lag_bytes = 8 * kMegabyte;
  EXPECT_EQ(look(stuck).level, Level::kNone);
}

TEST_F(ThrottleTrackerTest, ALimitedLagIsLookedAtBeforeATenthOfItIsWritten) {
  ThrottleSignals signals = replica(0, 0);
  look(signals);
  EXPECT_EQ(tracker_->look_after(), kThrottleLook) << "nothing is limited";
  tracker_.reset();
  run_.max_replica_lag.bytes = 64 * kMegabyte;
  look(signals);
  EXPECT_EQ(tracker_->look_after(), milliseconds(200)) << "writers may begin";
  signals.wal = 16 * kMegabyte;
  look(signals, 100);
  EXPECT_EQ(tracker_->look_after(), milliseconds(40)) << "160 MB a second";
  signals.lag_bytes = 64 * kMegabyte;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(look(signals).level, Level::kHard);
  EXPECT_EQ(tracker_->look_after(), milliseconds(40)) << "paused writers go on as they were";
  signals.lag_bytes = 0;
  for (int i = 0; i < 100; ++i) look(signals);
  EXPECT_EQ(tracker_->look_after(), milliseconds(200));
  tracker_.reset();
  run_.max_replica_lag = {std::chrono::seconds(1), 0};
  look(signals);
  EXPECT_EQ(tracker_->look_after(), milliseconds(100));
}

TEST_F(ThrottleTrackerTest, AReplicaThatCannotBeSeenIsAtTheLimit) {
  run_.max_replica_lag.bytes = 100 * kMegabyte;
  EXPECT_THAT(look({}).reason, HasSubstr("no replica is connected"));
  ThrottleSignals two = replica(0, 0);
  two.replicas = 2;
  EXPECT_EQ(look(two).level, Level::kNone);
  const ThrottleState gone = look(replica(0, 0));
  EXPECT_EQ(gone.level, Level::kHard);
  EXPECT_THAT(gone.reason, HasSubstr("1 of 2 replicas"));
  two.replicas_unseen = 1;
  EXPECT_EQ(look(two).level, Level::kHard);
}

TEST_F(ThrottleTrackerTest, AServerThatIsNotSeenKeepsTheLastStateThenFailsClosed) {
  run_.max_replica_lag.bytes = 100 * kMegabyte;
  look(replica(0, 0));
  EXPECT_EQ(tracker_->unseen("gone").level, Level::kNone);
  EXPECT_EQ(tracker_->unseen("gone").level, Level::kNone);
  const ThrottleState closed = tracker_->unseen("gone");
  EXPECT_EQ(closed.level, Level::kHard);
  EXPECT_EQ(closed.reason, "the replicas' lag cannot be seen: gone");
  EXPECT_EQ(look(replica(0, 0)).level, Level::kNone);
  look(replica(200, 0));
  EXPECT_EQ(tracker_->unseen("gone").level, Level::kHard) << "one miss forgets nothing";
}

TEST_F(ThrottleTrackerTest, TheMeanOfWalStaysUnderItsRate) {
  run_.max_wal_rate = 50 * kMegabyte;
  ThrottleSignals signals;
  bool paused = look(signals).level == Level::kHard;
  const int looks = 4000;
  for (int i = 0; i < looks; ++i) {
    // Writers that are let make 200 MB a second.
    if (!paused) signals.wal += 50 * kMegabyte;
    paused = look(signals).level == Level::kHard;
  }
  const double seconds = looks * 0.25;
  const double rate = static_cast<double>(signals.wal) / kMegabyte / seconds;
  EXPECT_LE(rate, 50.2);
  EXPECT_GE(rate, 49);
}

TEST_F(ThrottleTrackerTest, AQuietServerSavesUpLittle) {
  run_.max_wal_rate = 50 * kMegabyte;
  ThrottleSignals signals;
  look(signals);
  look(signals, 3'600'000);
  signals.wal = 40 * kMegabyte;
  EXPECT_EQ(look(signals).level, Level::kHard);
}

TEST_F(ThrottleTrackerTest, OtherLimitsHoldFromTheNextLookOn) {
  run_.max_slot_wal = 10 * kMegabyte;
  run_.max_wal_rate = 50 * kMegabyte;
  ThrottleSignals signals;
  signals.slot = "cdc";
  signals.slot_bytes = 11 * kMegabyte;
  look(signals);
  signals.wal = 500 * kMegabyte;
  EXPECT_EQ(look(signals).level, Level::kHard);
  run_.max_slot_wal = 0;
  run_.max_wal_rate = 400 * kMegabyte;
  tracker_->limit_by(run_);
  EXPECT_EQ(look(signals).level, Level::kNone) << "what was owed at the old rate is not";
  signals.wal = 5000 * kMegabyte;
  EXPECT_EQ(look(signals).level, Level::kHard);
}

TEST_F(ThrottleTrackerTest, SlotsAreLimited) {
  run_.max_slot_wal = 10 * kMegabyte;
  ThrottleSignals signals;
  signals.slot = "cdc";
  signals.slot_bytes = 9 * kMegabyte;
  EXPECT_EQ(look(signals).level, Level::kSoft);
  signals.slot_bytes = 11 * kMegabyte;
  EXPECT_EQ(look(signals).reason,
            "replication slot cdc retains 11.0 MB of WAL, the limit is 10.0 MB");
}

TEST_F(ThrottleTrackerTest, TheQueryPausesAboveZeroAndWithoutAnAnswer) {
  ThrottleSignals signals;
  for (const double calm : {0.0, -1.0}) {
    signals.answer = calm;
    EXPECT_EQ(look(signals).level, Level::kNone);
  }
  signals.answer = 0.5;
  EXPECT_EQ(look(signals).level, Level::kHard);
  signals.answer.reset();
  signals.defect = "relation \"busy\" does not exist";
  const ThrottleState state = look(signals);
  EXPECT_EQ(state.level, Level::kHard);
  EXPECT_THAT(state.reason, HasSubstr("relation \"busy\" does not exist"));
}

TEST_F(ThrottleTrackerTest, NeighboursSlowDownWithoutAKey) {
  ThrottleSignals signals;
  signals.blocked = 2;
  EXPECT_EQ(look(signals).level, Level::kNone) << "short waits are usual";
  const ThrottleState blocked = look(signals);
  EXPECT_EQ(blocked.level, Level::kSoft);
  EXPECT_EQ(blocked.reason, "2 sessions wait for a lock of pgbackfill");
  signals.blocked = 0;
  signals.vacuumed = {"elsewhere"};
  EXPECT_EQ(look(signals).level, Level::kNone);
  signals.vacuumed = {"elsewhere", "crm.notes"};
  EXPECT_EQ(look(signals).reason, "crm.notes is being vacuumed");
}

TEST_F(ThrottleTrackerTest, TheStrongestReasonIsTheOneTold) {
  run_.max_replica_lag.bytes = 100 * kMegabyte;
  run_.max_slot_wal = 100 * kMegabyte;
  ThrottleSignals signals = replica(85, 0);
  signals.slot = "cdc";
  signals.slot_bytes = 95 * kMegabyte;
  EXPECT_THAT(look(signals).reason, HasSubstr("slot cdc"));
  signals.lag_bytes = 100 * kMegabyte;
  EXPECT_THAT(look(signals).reason, HasSubstr("replica standby"));
}

TEST(ThrottlePause, WritersAtOnceAreThoseOnAverage) {
  EXPECT_EQ(writers_at_once(4, 1.0), 4);
  EXPECT_EQ(writers_at_once(4, 0.3), 2);
  EXPECT_EQ(writers_at_once(2, 0.3), 1);
  EXPECT_EQ(writers_at_once(1, 0.01), 1);
}

TEST(ThrottlePause, LeavesTheShareOfTimeAskedFor) {
  const microseconds batch(30'000);
  EXPECT_EQ(pause_after(batch, 1.0, {}).count(), 0);
  EXPECT_EQ(pause_after(batch, 0.3, {}).count(), 70'000);
  EXPECT_EQ(pause_after(batch, 0.5, {}).count(), 30'000);
}

TEST(ThrottlePause, PressureSlowsByWhicheverIsMore) {
  const microseconds batch(1000);
  EXPECT_EQ(pause_after(batch, 1.0, {Level::kSoft, 0.5, "x"}).count(), 2000);
  EXPECT_EQ(pause_after(batch, 0.2, {Level::kSoft, 0.5, "x"}).count(), 4000);
  EXPECT_EQ(pause_after(batch, 0.2, {Level::kSoft, 1, "x"}).count(), 4000);
}

TEST(ThrottleShare, FallsToAQuarterAtTheLimit) {
  EXPECT_EQ(batch_share(1, {}), 1);
  EXPECT_EQ(batch_share(1, {Level::kSoft, 0, "x"}), 1);
  EXPECT_EQ(batch_share(1, {Level::kSoft, 1, "x"}), 0.25);
}

TEST(ThrottleShare, IsShortUnderADutyCycle) {
  EXPECT_EQ(batch_share(0.5, {}), 0.5);
  EXPECT_EQ(batch_share(0.5, {Level::kSoft, 1, "x"}), 0.125);
  EXPECT_EQ(batch_share(0.001, {}), 0.1);
}

}  // namespace
}  // namespace pgbackfill::engine
