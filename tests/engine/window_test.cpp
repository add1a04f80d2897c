#include "engine/backfill/window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace pgbackfill::engine {
namespace {

using planner::Method;
using planner::ReadOrder;

Window window(Method method, ReadOrder order) {
  planner::Step step;
  step.id = "backfill:t";
  step.backfill.emplace();
  step.backfill->method = method;
  step.backfill->order = order;
  Window result;
  result.job =
      std::make_shared<TableJob>(step, RoundRecord{}, planner::JobSpec{}, planner::RunOptions{});
  return result;
}

Window block_window() {
  Window result = window(Method::kCopy, ReadOrder::kBlock);
  result.bounds = {{"100"}, {"140"}};
  result.shape = {4, 8, 5};
  for (std::uint32_t block = 100; block < 140; ++block) {
    for (std::uint16_t line = 1; line <= 10; ++line) {
      result.rows.push_back({0, 0, block, line});
    }
  }
  return result;
}

TEST(MakeBatches, EveryRowIsInOneBatchOfItsBlocksAndClass) {
  const Window rows = block_window();
  const auto batches = make_batches(rows, 1000);
  ASSERT_EQ(batches.size(), 32U);
  std::set<std::uint32_t> seen;
  for (const Batch& batch : batches) {
    for (const std::uint32_t index : batch.rows) {
      EXPECT_TRUE(seen.insert(index).second);
      EXPECT_GE(rows.rows[index].block, batch.lower_block);
      EXPECT_LT(rows.rows[index].block, batch.upper_block);
      EXPECT_EQ((rows.rows[index].line - 1) % 4, batch.pass);
    }
  }
  EXPECT_EQ(seen.size(), rows.rows.size());
}

TEST(MakeBatches, AllGroupsComeBetweenTwoPassesOverOne) {
  const auto batches = make_batches(block_window(), 1000);
  std::map<std::int64_t, std::vector<std::size_t>> visits;
  for (std::size_t i = 0; i < batches.size(); ++i) visits[batches[i].lower_block].push_back(i);
  for (const auto& [block, at] : visits) {
    for (std::size_t i = 1; i < at.size(); ++i) EXPECT_EQ(at[i] - at[i - 1], 8U);
  }
}

TEST(MakeBatches, LargeBatchesAreSplit) {
  const auto batches = make_batches(block_window(), 7);
  std::size_t rows = 0;
  for (const Batch& batch : batches) {
    EXPECT_LE(batch.rows.size(), 7U);
    EXPECT_FALSE(batch.rows.empty());
    rows += batch.rows.size();
  }
  EXPECT_EQ(rows, 400U);
}

TEST(MakeBatches, KeyOrderKeepsTheOrderRead) {
  Window rows = window(Method::kCopy, ReadOrder::kKey);
  rows.rows.resize(25);
  const auto batches = make_batches(rows, 10);
  ASSERT_EQ(batches.size(), 3U);
  std::uint32_t next = 0;
  for (const Batch& batch : batches) {
    for (const std::uint32_t index : batch.rows) EXPECT_EQ(index, next++);
  }
  EXPECT_EQ(next, 25U);
}

TEST(MakeBatches, NothingToWriteIsNoBatch) {
  Window rows = block_window();
  rows.rows.clear();
  EXPECT_TRUE(make_batches(rows, 10).empty());
}

TEST(MakeBatches, ComputedBlocksAreCoveredByEveryPass) {
  Window rows = window(Method::kUpdate, ReadOrder::kBlock);
  rows.bounds = {{"0"}, {"12"}};
  rows.shape = {3, 8, 5};
  const auto batches = make_batches(rows, 10);
  ASSERT_EQ(batches.size(), 9U);
  EXPECT_EQ(batches[2].lower_block, 10);
  EXPECT_EQ(batches[2].upper_block, 12);
}

}  // namespace
}  // namespace pgbackfill::engine
