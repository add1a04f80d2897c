#include "engine/backfill/batch_sizer.hpp"

#include "planner/backfill/window_shape.hpp"

#include <gtest/gtest.h>

namespace pgbackfill::engine {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void measure(BatchSizer& sizer, int batches, double us_per_row) {
  for (int i = 0; i < batches; ++i) {
    const auto rows = sizer.rows();
    sizer.measured(rows,
                   microseconds(static_cast<std::int64_t>(us_per_row * static_cast<double>(rows))));
  }
}

TEST(BatchSizer, GrowsTowardsTheTargetAndStaysThere) {
  BatchSizer sizer(milliseconds(100), 0);
  measure(sizer, 400, 50);
  EXPECT_EQ(sizer.rows(), 2000);
}

TEST(BatchSizer, GrowsByHalfAtMost) {
  BatchSizer sizer(milliseconds(100), 0);
  measure(sizer, 20, 0.01);
  EXPECT_EQ(sizer.rows(), planner::kFirstBatchRows * 3 / 2);
}

TEST(BatchSizer, ShrinksAtOnceOnAnOutlier) {
  BatchSizer sizer(milliseconds(100), 0);
  sizer.measured(sizer.rows(), milliseconds(250));
  EXPECT_EQ(sizer.rows(), planner::kFirstBatchRows / 2);
}

TEST(BatchSizer, StaysWithinItsBounds) {
  BatchSizer sizer(milliseconds(100), 0);
  measure(sizer, 1000, 0.001);
  EXPECT_EQ(sizer.rows(), planner::kMaxBatchRows);
  for (int i = 0; i < 50; ++i) sizer.measured(sizer.rows(), milliseconds(10'000));
  EXPECT_EQ(sizer.rows(), planner::kMinBatchRows);
}

TEST(BatchSizer, FollowsAnotherTargetAtOnceDownwardsAndBySteps) {
  BatchSizer sizer(milliseconds(100), 0);
  sizer.aim(milliseconds(50), 0);
  EXPECT_EQ(sizer.rows(), planner::kFirstBatchRows / 2);
  sizer.aim(milliseconds(50), 0);
  EXPECT_EQ(sizer.rows(), planner::kFirstBatchRows / 2);
  sizer.aim(milliseconds(50), 77);
  EXPECT_EQ(sizer.rows(), 77);
  measure(sizer, 100, 0.01);
  EXPECT_EQ(sizer.rows(), 77);
  sizer.aim(milliseconds(1000), 0);
  EXPECT_EQ(sizer.rows(), planner::kFirstBatchRows);
  measure(sizer, 20, 0.01);
  EXPECT_GT(sizer.rows(), planner::kFirstBatchRows);
}

TEST(BatchSizer, AFixedSizeStays) {
  BatchSizer sizer(milliseconds(100), 123);
  measure(sizer, 100, 0.01);
  sizer.measured(123, milliseconds(10'000));
  EXPECT_EQ(sizer.rows(), 123);
}

}  // namespace
}  // namespace pgbackfill::engine
