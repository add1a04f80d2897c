#include "engine/forecast.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgbackfill::engine {
namespace {

using planner::Stage;

Forecast::Expected step(const std::string& table, Stage stage, double seconds) {
  return {table + ": create index ix_" + table, table, stage, seconds};
}

TEST(ForecastTest, StagesAddUpAndTablesOfOneRunSideBySide) {
  const Forecast forecast({step("a", Stage::kEnforce, 10), step("b", Stage::kEnforce, 10),
                           step("c", Stage::kIndex, 30), step("d", Stage::kIndex, 10)},
                          2);
  EXPECT_DOUBLE_EQ(forecast.seconds_left(0), 10 + 30) << "no longer than the longest table alone";
  EXPECT_DOUBLE_EQ(Forecast().seconds_left(0), 0);
}

TEST(ForecastTest, WhatIsUnderWayOrDoneIsLeftOut) {
  Forecast forecast({step("a", Stage::kEnforce, 10), step("b", Stage::kIndex, 20)}, 1);
  forecast.started("a: create index ix_a", 100);
  EXPECT_DOUBLE_EQ(forecast.seconds_left(104), 6 + 20);
  EXPECT_DOUBLE_EQ(forecast.seconds_left(150), 20) << "never below nothing";
  forecast.ended("a: create index ix_a", false, 150);
  EXPECT_DOUBLE_EQ(forecast.seconds_left(150), 30) << "it begins anew";
  forecast.started("a step that is over in a moment", 150);
  forecast.ended("a step that is over in a moment", true, 151);
  EXPECT_DOUBLE_EQ(forecast.seconds_left(151), 30);
}

TEST(ForecastTest, HowLongStepsTookTellsOfTheRest) {
  Forecast forecast({step("a", Stage::kEnforce, 10), step("b", Stage::kIndex, 20)}, 1);
  forecast.started("a: create index ix_a", 0);
  forecast.ended("a: create index ix_a", true, 30);
  EXPECT_DOUBLE_EQ(forecast.seconds_left(30), 60) << "three times what was expected";
}

TEST(ForecastTest, TheServerTellsHowFarAnIndexIs) {
  Forecast forecast({step("a", Stage::kIndex, 10), step("b", Stage::kIndex, 10)}, 1);
  forecast.started("a: create index ix_a", 0);
  forecast.builds({{"a", "ix_a", "building index", 0.25}, {"b", "ix_b", "waiting", 0.9}});
  EXPECT_DOUBLE_EQ(forecast.seconds_left(100), 300 + 10);
}

TEST(ForecastTest, FindsTheBuildOfAStep) {
  const std::vector<BuildProgress> builds{
      {"a", "ix", "", 0.1}, {"b", "ix_2", "", 0.2}, {"c", "", "", 0.3}};
  const auto share = [&](const std::string& title) {
    const BuildProgress* build = build_of(builds, title);
    return build == nullptr ? 0 : build->share;
  };
  EXPECT_EQ(share("a: create index ix"), 0.1);
  EXPECT_EQ(share("b: create index ix_2 on partition b_1"), 0.2);
  EXPECT_EQ(share("c: create index ix_of_a_window"), 0.3);
  EXPECT_EQ(share("d: create index ix_"), 0);
  EXPECT_EQ(share("a: validate foreign key ix"), 0);
}

}  // namespace
}  // namespace pgbackfill::engine
