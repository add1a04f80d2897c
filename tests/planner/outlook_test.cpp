#include "planner/plan/outlook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pgbackfill::planner {
namespace {

Step step(const std::string& id, Stage stage, StepKind kind, const std::string& sql) {
  Step made;
  made.id = id;
  made.table = "bookings";
  made.stage = stage;
  made.kind = kind;
  made.sql = {sql};
  return made;
}

/// A backfill of a million rows, and what comes behind it.
Plan sample() {
  Plan plan;
  Step backfill = step("backfill", Stage::kBackfill, StepKind::kBackfill, "UPDATE");
  backfill.backfill.emplace();
  backfill.backfill->method = Method::kCopy;
  backfill.backfill->estimated_rows = 1e6;
  backfill.backfill->blocks = 40'000;
  plan.steps = {
      backfill, step("compare", Stage::kBackfill, StepKind::kReconcile, "SELECT t.ctid"),
      step("drop", Stage::kEnforce, StepKind::kSql, "ALTER TABLE bookings DROP"),
      step("check", Stage::kEnforce, StepKind::kSql, "ALTER TABLE bookings VALIDATE CONSTRAINT c"),
      step("index", Stage::kIndex, StepKind::kAlone, "CREATE INDEX CONCURRENTLY ix")};
  return plan;
}

TEST(OutlookTest, StepsThatReadAWholeTableAreLong) {
  const Plan plan = sample();
  std::vector<std::string> ids;
  for (const LongStep& found : long_steps(plan)) {
    ids.push_back(found.step->id);
    EXPECT_GT(found.seconds, 0.1) << found.step->id;
    EXPECT_LT(found.seconds, 3) << found.step->id;
  }
  EXPECT_THAT(ids, ::testing::ElementsAre("compare", "check", "index"));
}

TEST(OutlookTest, EachComparisonTakesItsTime) {
  Plan plan = sample();
  const double once = outlook(plan, {}).at(0).seconds;
  const double comparison = long_steps(plan).at(0).seconds;
  plan.steps.push_back(plan.steps.at(1));
  EXPECT_NEAR(outlook(plan, {}).at(0).seconds, once + comparison, 1e-9);
}

}  // namespace
}  // namespace pgbackfill::planner
