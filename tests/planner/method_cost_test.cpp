#include "planner/backfill/method_cost.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::planner {
namespace {

using ::testing::HasSubstr;

Assignment by_lookup() {
  Assignment assignment;
  assignment.resolve = ResolveKind::kLookup;
  assignment.input = "team_id";
  assignment.join = {"teams", "s.key = t.team_id", "s.value", 60};
  return assignment;
}

Assignment by_expression(std::string input) {
  Assignment assignment;
  assignment.resolve = ResolveKind::kServer;
  assignment.input = std::move(input);
  return assignment;
}

TableBackfill table(std::vector<Assignment> assignments) {
  TableBackfill backfill;
  backfill.assignments = std::move(assignments);
  backfill.estimated_rows = 1'000'000;
  backfill.blocks = 41'667;
  backfill.indexes = 4;
  return backfill;
}

TEST(MethodCost, WhatTheServerCanTellIsNotCarriedThroughTheClient) {
  EXPECT_EQ(cheapest_method(table({by_lookup()}), 0), Method::kUpdate);
  EXPECT_EQ(cheapest_method(table({Assignment()}), 0), Method::kUpdate);
  Assignment remap;
  remap.resolve = ResolveKind::kRemap;
  EXPECT_EQ(cheapest_method(table({by_lookup(), remap}), 0), Method::kUpdate);
}

TEST(MethodCost, ValuesThatWouldBeComputedTwiceAreCopied) {
  EXPECT_EQ(cheapest_method(table({by_expression("")}), 0), Method::kCopy);
  EXPECT_EQ(cheapest_method(table({by_lookup(), by_expression("")}), 0), Method::kCopy);
  EXPECT_EQ(cheapest_method(table({by_lookup(), by_expression("a"), by_expression("b")}), 0),
            Method::kCopy);
}

TEST(MethodCost, PassesKeepRowsInTheirPages) {
  TableBackfill backfill = table({by_lookup()});
  EXPECT_EQ(moved_share(backfill, 1), 1);
  EXPECT_GT(moved_share(backfill, 24), 1.0 / 24);
  EXPECT_LT(moved_share(backfill, 24), 0.15);
  backfill.fillfactor = 48;
  EXPECT_EQ(moved_share(backfill, 1), 0);
  backfill.order = ReadOrder::kKey;
  backfill.key = {{"id", "bigint"}};
  backfill.clustered = true;
  EXPECT_EQ(moved_share(backfill, 1), 1);
}

TEST(MethodCost, TheNumberOfPassesChosenCostsLeast) {
  for (const int indexes : {1, 2, 4, 9}) {
    for (const int fillfactor : {100, 90, 60}) {
      TableBackfill backfill = table({by_lookup()});
      backfill.indexes = indexes;
      backfill.fillfactor = fillfactor;
      const double least = row_cost(backfill, Method::kUpdate, cheapest_passes(backfill));
      for (const int passes : {1, 2, 4, 8, 12, 24}) {
        EXPECT_LE(least, row_cost(backfill, Method::kUpdate, passes) * 1.1)
            << indexes << " indexes, fillfactor " << fillfactor << ", " << passes << " passes";
      }
    }
  }
}

TEST(MethodCost, SaysWhatDecides) {
  TableBackfill backfill = table({by_lookup()});
  backfill.method = Method::kUpdate;
  EXPECT_THAT(describe_cost(backfill, 0), HasSubstr("12 passes, 4 indexes; about "));
  EXPECT_THAT(describe_cost(backfill, 0), HasSubstr("µs a row, copy "));
  EXPECT_THAT(describe_cost(backfill, 1), HasSubstr("one pass, "));
  backfill.order = ReadOrder::kKey;
  EXPECT_THAT(describe_cost(backfill, 0), Not(HasSubstr("pass")));
  backfill = table({by_expression("")});
  EXPECT_THAT(describe_cost(backfill, 0), HasSubstr("copy computes its sql value once"));
}

}  // namespace
}  // namespace pgbackfill::planner
