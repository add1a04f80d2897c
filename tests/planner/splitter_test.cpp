#include "planner/backfill/splitter.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace pgbackfill::planner {
namespace {

TEST(SplitBlocks, CoversEveryBlockOnce) {
  const auto ranges = split_blocks(1000, 300);
  ASSERT_EQ(ranges.size(), 4U);
  EXPECT_EQ(ranges.front().lower, std::vector<std::string>{"0"});
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_EQ(ranges[i].lower, ranges[i - 1].upper);
  EXPECT_EQ(ranges.back().upper, std::vector<std::string>{"1000"});
}

TEST(SplitBlocks, EmptyTableHasNoRange) { EXPECT_TRUE(split_blocks(0, 10).empty()); }

TEST(SplitBlocks, KeepsTheLedgerSmall) {
  const auto ranges = split_blocks(1'000'000'000, 1);
  EXPECT_LE(static_cast<std::int64_t>(ranges.size()), kMaxRanges);
  EXPECT_EQ(ranges.back().upper, std::vector<std::string>{"1000000000"});
}

TEST(EvenShare, EveryWorkerGetsAsManyRanges) {
  EXPECT_EQ(split_blocks(4167, even_share(4167, 832, 2)).size(), 6U);
  EXPECT_EQ(split_blocks(4167, even_share(4167, 832, 4)).size(), 8U);
  EXPECT_EQ(even_share(4000, 1000, 2), 1000);
  EXPECT_EQ(even_share(100, 1000, 4), 1000) << "too little to share";
  EXPECT_EQ(even_share(3, 1, 8), 1);
  EXPECT_EQ(even_share(0, 10, 4), 10);
}

TEST(SplitIntegers, OuterEndsAreOpenAndPiecesAdjacent) {
  const auto ranges = split_integers(1, 1000, 4);
  ASSERT_EQ(ranges.size(), 4U);
  EXPECT_TRUE(ranges.front().lower.empty());
  EXPECT_TRUE(ranges.back().upper.empty());
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_EQ(ranges[i].lower, ranges[i - 1].upper);
  EXPECT_EQ(ranges[1].lower, std::vector<std::string>{"251"});
}

TEST(SplitIntegers, WholeRangeOfBigintDoesNotOverflow) {
  const auto ranges = split_integers(std::numeric_limits<std::int64_t>::min(),
                                     std::numeric_limits<std::int64_t>::max(), 16);
  ASSERT_EQ(ranges.size(), 16U);
  EXPECT_EQ(ranges[8].lower, std::vector<std::string>{"0"});
}

TEST(SplitIntegers, MorePiecesThanKeys) {
  EXPECT_EQ(split_integers(5, 5, 100).size(), 1U);
  EXPECT_EQ(split_integers(5, 7, 100).size(), 3U);
}

TEST(SplitAt, NoBoundaryIsOneOpenRange) {
  const auto ranges = split_at({});
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_TRUE(ranges[0].lower.empty());
  EXPECT_TRUE(ranges[0].upper.empty());
}

}  // namespace
}  // namespace pgbackfill::planner
