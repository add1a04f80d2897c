#include "engine/backfill/horizon.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::engine {
namespace {

using planner::HeldHorizon;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

HorizonHolder session(int pid, const std::string& xmin, std::int64_t age = 10) {
  HorizonHolder holder;
  holder.pid = pid;
  holder.name = "psql";
  holder.user = "app";
  holder.state = "idle in transaction";
  holder.xmin = xmin;
  holder.age = age;
  return holder;
}

TEST(HorizonHolder, KindsAreReadAsTheyAreWritten) {
  for (const HolderKind kind : {HolderKind::kSession, HolderKind::kPreparedTransaction,
                                HolderKind::kReplicationSlot, HolderKind::kStandby}) {
    EXPECT_EQ(parse_holder_kind(to_string(kind)), kind);
  }
  EXPECT_EQ(parse_holder_kind("vacuum"), std::nullopt);
}

TEST(HorizonHolder, IsDescribedWithWhatIsKnownOfIt) {
  HorizonHolder holder = session(4711, "9", 30211);
  holder.seconds = 125.4;
  EXPECT_EQ(describe(holder),
            "session 4711 (psql, user app, idle in transaction) since 125 s, 30211 transactions "
            "back");
  holder = {};
  holder.pid = 7;
  holder.age = 1;
  EXPECT_EQ(describe(holder), "session 7, 1 transaction back");
  holder = session(0, "9");
  holder.kind = HolderKind::kPreparedTransaction;
  holder.name = "it's";
  holder.state.clear();
  holder.database = "other";
  EXPECT_EQ(describe(holder),
            "prepared transaction 'it''s' (user app, database other), 10 transactions back");
  EXPECT_THAT(advice(holder), HasSubstr("ROLLBACK PREPARED 'it''s' in database other"));
  holder = session(5, "9");
  holder.kind = HolderKind::kReplicationSlot;
  holder.name = "standby_1";
  holder.state = "active";
  EXPECT_EQ(describe(holder),
            "replication slot standby_1 (pid 5, user app, active), 10 transactions back");
  EXPECT_THAT(advice(holder), HasSubstr("pg_drop_replication_slot('standby_1')"));
  holder.kind = HolderKind::kStandby;
  EXPECT_THAT(describe(holder), HasSubstr("standby standby_1 (pid 5"));
  EXPECT_THAT(advice(holder), HasSubstr("hot_standby_feedback = off"));
}

TEST(HorizonHolder, LastingOnesAreOldOrOfUnknownAge) {
  HorizonHolder young = session(1, "9");
  young.seconds = 1;
  HorizonHolder old = session(2, "9");
  old.seconds = 60;
  const auto left = lasting({young, old, session(3, "9"), session(4, "9", 0)});
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].pid, 2);
  EXPECT_EQ(left[1].pid, 3);
}

/// Looks at chosen seconds of a clock that stands otherwise.
class HorizonLooks : public ::testing::Test {
 protected:
  std::string look(int second, const std::vector<HorizonHolder>& holders) {
    const auto message =
        tracker_.observe(holders, HorizonTracker::Clock::time_point(seconds(second)));
    level_ = message ? message->level : LogLevel::kInfo;
    return message ? message->text : "";
  }

  HorizonTracker tracker_{HeldHorizon::kContinue};
  LogLevel level_ = LogLevel::kInfo;
};

TEST_F(HorizonLooks, HeldOnceAHolderStoodStillForThreeSeconds) {
  EXPECT_EQ(look(0, {session(1, "5")}), "");
  EXPECT_EQ(look(2, {session(1, "5")}), "");
  EXPECT_FALSE(tracker_.held());
  EXPECT_THAT(look(3, {session(1, "5")}),
              AllOf(HasSubstr("because of session 1 (psql"), HasSubstr("in one pass"),
                    HasSubstr("pg_terminate_backend(1)")));
  EXPECT_EQ(level_, LogLevel::kWarning);
  EXPECT_TRUE(tracker_.held());
  EXPECT_THAT(look(4, {}), HasSubstr("can be removed again"));
  EXPECT_EQ(level_, LogLevel::kInfo);
  EXPECT_FALSE(tracker_.held());
  EXPECT_EQ(look(5, {}), "");
}

TEST_F(HorizonLooks, TransactionsThatMoveOnDoNotHoldIt) {
  for (int second = 0; second < 20; ++second) {
    EXPECT_EQ(look(second, {session(1, std::to_string(second / 2)), session(second, "5")}), "");
    EXPECT_FALSE(tracker_.held());
  }
}

TEST_F(HorizonLooks, WhatHoldsNothingBackYetDoesNotCount) {
  for (int second = 0; second < 10; ++second) look(second, {session(1, "5", 0)});
  EXPECT_FALSE(tracker_.held());
}

TEST_F(HorizonLooks, SaysItOnceAndAgainForAnotherHolderOrAfterFiveMinutes) {
  look(0, {session(1, "5"), session(2, "6")});
  EXPECT_THAT(look(3, {session(1, "5"), session(2, "6")}), HasSubstr("session 1 "));
  EXPECT_EQ(look(20, {session(1, "5"), session(2, "6")}), "");
  EXPECT_THAT(look(21, {session(2, "6")}), HasSubstr("session 2 "));
  EXPECT_EQ(look(320, {session(2, "6")}), "");
  EXPECT_THAT(look(321, {session(2, "6")}), HasSubstr("session 2 "));
}

/// As a standby's feedback does, every ten seconds.
TEST_F(HorizonLooks, AHolderThatComesAndGoesIsAnnouncedOnce) {
  int said = 0;
  for (int second = 0; second < 300; ++second) {
    said += look(second, {session(1, std::to_string(second / 10))}).empty() ? 0 : 1;
  }
  EXPECT_EQ(said, 2);
}

TEST_F(HorizonLooks, TheReactionIsNamed) {
  HorizonTracker waiting(HeldHorizon::kWait);
  const HorizonTracker::Clock::time_point start;
  waiting.observe({session(1, "5")}, start);
  EXPECT_THAT(waiting.observe({session(1, "5")}, start + seconds(3))->text,
              HasSubstr("wait until"));
}

}  // namespace
}  // namespace pgbackfill::engine
