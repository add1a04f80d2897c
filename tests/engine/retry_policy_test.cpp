#include "engine/retry_policy.hpp"

#include <gtest/gtest.h>

namespace pgbackfill::engine {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, StaysBetweenBaseAndCap) {
  Backoff backoff(milliseconds(50), milliseconds(2000), 7);
  for (int i = 0; i < 1000; ++i) {
    const auto pause = backoff.next();
    EXPECT_GE(pause, milliseconds(50));
    EXPECT_LE(pause, milliseconds(2000));
  }
}

TEST(Backoff, GrowsAndStartsOverAfterReset) {
  Backoff backoff(milliseconds(10), milliseconds(100'000), 7);
  milliseconds longest{0};
  for (int i = 0; i < 100; ++i) longest = std::max(longest, backoff.next());
  EXPECT_GT(longest, milliseconds(1000));
  backoff.reset();
  EXPECT_LE(backoff.next(), milliseconds(30));
}

TEST(Backoff, TwoWorkersDoNotMarchInStep) {
  Backoff one(milliseconds(10), milliseconds(10'000), 1);
  Backoff two(milliseconds(10), milliseconds(10'000), 2);
  int same = 0;
  for (int i = 0; i < 50; ++i) same += one.next() == two.next() ? 1 : 0;
  EXPECT_LT(same, 25);
}

TEST(Classify, WrongPasswordIsNotTriedAgain) {
  EXPECT_EQ(classify("28P01", true), Disposition::kFail);
  EXPECT_EQ(classify("3D000", true), Disposition::kFail);
}

TEST(Classify, CopyOfAWrongWidthIsNotALostLink) {
  EXPECT_EQ(classify("08P01", false), Disposition::kFail);
  EXPECT_EQ(classify("08006", true), Disposition::kReconnect);
}

}  // namespace
}  // namespace pgbackfill::engine
