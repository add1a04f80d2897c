#include "planner/backfill/window_shape.hpp"

#include <gtest/gtest.h>

namespace pgbackfill::planner {
namespace {

TableBackfill table(double rows, std::int64_t blocks) {
  TableBackfill backfill;
  backfill.assignments.resize(1);
  backfill.estimated_rows = rows;
  backfill.blocks = blocks;
  return backfill;
}

int passes(int indexes, int fillfactor) {
  TableBackfill backfill = table(1'000'000, 41'667);
  backfill.indexes = indexes;
  backfill.fillfactor = fillfactor;
  return window_shape(backfill, {}, 500).passes;
}

TEST(WindowShape, GroupsHoldBatchesOfTheSizeAskedFor) {
  RunOptions run;
  run.passes = 12;
  const WindowShape shape = window_shape(table(1'000'000, 41'667), run, 500);
  EXPECT_EQ(shape.groups, 8);
  EXPECT_EQ(shape.group_blocks, 250);
}

TEST(WindowShape, MoreIndexesTakeMorePasses) {
  EXPECT_EQ(passes(1, 100), 5);
  EXPECT_EQ(passes(2, 100), 8);
  EXPECT_EQ(passes(4, 100), 12);
  EXPECT_EQ(passes(9, 100), 24);
  // One row of each page at a time is the most there is.
  EXPECT_EQ(passes(30, 100), 24);
}

TEST(WindowShape, AKeyInAnotherOrderThanTheHeapTakesMorePasses) {
  TableBackfill backfill = table(1'000'000, 41'667);
  backfill.indexes = 1;
  backfill.key = {{"id", "uuid"}};
  EXPECT_EQ(window_shape(backfill, {}, 500).passes, 8);
  backfill.clustered = true;
  EXPECT_EQ(window_shape(backfill, {}, 500).passes, 5);
}

TEST(WindowShape, RoomOnThePagesSparesPasses) {
  EXPECT_LT(passes(9, 80), passes(9, 100));
  EXPECT_EQ(passes(9, 45), 1);
}

TEST(WindowShape, SmallTablesTakeOnePass) {
  EXPECT_EQ(window_shape(table(1000, 40), {}, 500).passes, 1);
}

TEST(WindowShape, WindowFitsInMemoryWhateverTheRowsPerPage) {
  for (const double per_block : {1.0, 24.0, 226.0}) {
    const WindowShape shape = window_shape(table(per_block * 100'000, 100'000), {}, kMaxBatchRows);
    EXPECT_LE(static_cast<double>(shape.blocks()) * per_block, 1.05 * kMaxWindowRows);
    EXPECT_GE(shape.blocks(), 1);
  }
}

TEST(WindowShape, UpdateWindowsStayCached) {
  TableBackfill backfill = table(24.0 * 1'000'000, 1'000'000);
  backfill.method = Method::kUpdate;
  backfill.buffers = 65'536;
  RunOptions run;
  run.workers = 4;
  EXPECT_LE(window_shape(backfill, run, kMaxBatchRows).blocks() * run.workers, 65'536 / 4);
  backfill.buffers = 0;
  EXPECT_LE(window_shape(backfill, run, kMaxBatchRows).blocks() * run.workers, 16'384 / 4);
}

TEST(WindowShape, EveryWorkerGetsWindowsOfAMiddlingTable) {
  RunOptions run;
  run.workers = 4;
  const std::int64_t blocks = 8'000;
  EXPECT_LE(window_shape(table(24.0 * blocks, blocks), run, 5000).blocks() * 8, blocks);
}

TEST(WindowShape, PassesMayBeSet) {
  RunOptions run;
  run.passes = 3;
  EXPECT_EQ(window_shape(table(1'000'000, 41'667), run, 500).passes, 3);
}

TEST(WindowShape, NeverAnalyzedTableHasAShape) {
  EXPECT_GE(window_shape(table(0, 0), {}, 500).blocks(), 1);
}

}  // namespace
}  // namespace pgbackfill::planner
