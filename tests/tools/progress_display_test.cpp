#include "tools/progress_display.hpp"

#include "tools/console.hpp"
#include "tools/progress_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <sstream>
#include <streambuf>
#include <string>

namespace pgbackfill::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

engine::TableProgress table(const std::string& name, double estimated, std::int64_t rows) {
  engine::TableProgress progress;
  progress.step_id = "backfill:" + name;
  progress.table = name;
  progress.estimated_rows = estimated;
  progress.rows = rows;
  progress.ranges = 10;
  progress.ranges_done = 4;
  return progress;
}

ProgressView backfill_view() {
  ProgressView view;
  view.snapshot.stage = planner::Stage::kBackfill;
  view.snapshot.steps = 120;
  view.snapshot.steps_done = 12;
  view.snapshot.rows = 1'000'000;
  view.snapshot.rows_before = 234'567;
  view.snapshot.estimated_rows = 6'172'835;
  view.snapshot.tables = {table("bookings", 2'000'000, 500'000), table("leads", 1'000, 250)};
  view.elapsed = 75;
  view.rate = 71'234;
  view.table_rates["backfill:bookings"] = 50'000;
  return view;
}

int codepoints(const std::string& text) {
  int count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

TEST(RateWindowTest, MeasuresOverTheLastSecondsOnly) {
  RateWindow rate(10);
  EXPECT_EQ(rate.per_second(), 0);
  rate.add(0, 0);
  EXPECT_EQ(rate.per_second(), 0);
  for (int second = 1; second <= 20; ++second) rate.add(second, second * 100);
  EXPECT_DOUBLE_EQ(rate.per_second(), 100);
  for (int second = 21; second <= 40; ++second) rate.add(second, 2000 + (second - 20) * 1000);
  EXPECT_DOUBLE_EQ(rate.per_second(), 1000);
}

TEST(RateWindowTest, FallsToZeroWhenNothingMoves) {
  RateWindow rate(10);
  rate.add(0, 0);
  rate.add(1, 5000);
  for (int second = 2; second <= 12; ++second) rate.add(second, 5000);
  EXPECT_EQ(rate.per_second(), 0);
}

TEST(RateWindowTest, TimeThatStandsStillIsNoDivisionByZero) {
  RateWindow rate(10);
  rate.add(1, 0);
  rate.add(1, 100);
  EXPECT_EQ(rate.per_second(), 0);
}

TEST(ProgressBlockTest, ShowsStageTablesAndTotal) {
  EXPECT_THAT(
      progress_block(backfill_view(), 100, 24),
      ElementsAre("backfill  12/120 steps  1m15s",
                  "  bookings [######..................]  25.0%  500,000 rows  50.0k/s  ETA 30.0 s",
                  "  leads    [######..................]  25.0%  250 rows  0/s",
                  "  total  1,234,567 of about 6.2M rows  20.0%  71.2k rows/s", "  ETA 1m09s"));
}

TEST(ProgressBlockTest, ShowsWhatTheServerMakesOfItAndTheWholeEta) {
  ProgressView view = backfill_view();
  view.snapshot.hot = 912;
  view.snapshot.hot_of = 1000;
  view.wal_rate = 35.2e6;
  view.snapshot.later = 60;
  EXPECT_EQ(progress_block(view, 80, 24).back(),
            "  HOT 91.2%  WAL 35.2 MB/s  ETA 1m09s, of all 2m09s");
  view.snapshot.stage = planner::Stage::kForeignKey;
  view.snapshot.tables.clear();
  EXPECT_EQ(progress_block(view, 80, 24).back(), "  WAL 35.2 MB/s  ETA 1m00s");
}

TEST(ProgressBlockTest, ShowsStatementsUnderWay) {
  ProgressView view;
  view.snapshot.stage = planner::Stage::kIndex;
  view.snapshot.steps = 3;
  view.snapshot.running = {"create index ix_bookings_org_id"};
  EXPECT_THAT(progress_block(view, 80, 24),
              ElementsAre(StartsWith("index  0/3 steps"), "  create index ix_bookings_org_id"));
  view.snapshot.builds = {{"leads", "ix", "waiting", 0.9},
                          {"bookings", "ix_bookings_org_id", "index validation", 0.42}};
  EXPECT_THAT(progress_block(view, 80, 24)[1],
              "  create index ix_bookings_org_id  42%, index validation");
}

TEST(ProgressBlockTest, NamesTheSweep) {
  ProgressView view = backfill_view();
  view.snapshot.tables[0].round = 2;
  const auto lines = progress_block(view, 100, 24);
  EXPECT_THAT(lines[1], HasSubstr("sweep 2"));
  EXPECT_THAT(lines[1], HasSubstr(" 40.0%"));
  EXPECT_THAT(lines[1], Not(HasSubstr("ETA")));
}

TEST(ProgressBlockTest, RangesTellWhereTheEstimateIsWrongOrMissing) {
  ProgressView view = backfill_view();
  view.snapshot.tables = {table("low", 10, 500), table("none", -1, 500)};
  const auto lines = progress_block(view, 100, 24);
  EXPECT_THAT(lines[1], HasSubstr(" 40.0%"));
  EXPECT_THAT(lines[2], HasSubstr(" 40.0%"));
}

TEST(ProgressBlockTest, NeverWrapsNorScrolls) {
  ProgressView view = backfill_view();
  for (int i = 0; i < 40; ++i) {
    view.snapshot.tables.push_back(
        table(std::string(static_cast<std::size_t>(i) * 3, 'x') + "überall", 1e9, 123'456'789));
    view.snapshot.running.push_back("create index " + std::string(60, 'i') + std::to_string(i));
  }
  for (int width = 1; width <= 250; ++width) {
    for (const std::string& line : progress_block(view, width, 24)) {
      EXPECT_LE(codepoints(line), std::max(width - 1, 1)) << line;
    }
  }
  for (int height = 1; height <= 40; ++height) {
    EXPECT_LE(progress_block(view, 80, height).size(),
              static_cast<std::size_t>(std::max(height - 1, 1)));
  }
  const auto lines = progress_block(view, 80, 24);
  EXPECT_THAT(lines.back(), StartsWith("  ETA"));
  EXPECT_THAT(lines[lines.size() - 2], StartsWith("  total"));
  EXPECT_THAT(lines[6], HasSubstr("more under way"));
  EXPECT_THAT(lines[lines.size() - 3], HasSubstr("more tables"));
}

TEST(ClipTest, CutsBetweenCharactersAndCountsWideOnes) {
  EXPECT_EQ(clip("überall", 3), "übe");
  EXPECT_EQ(clip("表表表", 5), "表表");
  EXPECT_EQ(clip("a\nb\033[31m", 10), "a?b?[31m");
  EXPECT_EQ(clip("abc", 0), "");
  EXPECT_EQ(clip("\xC3", 5), "\xC3");
}

TEST(ProgressLineTest, IsOnePlainLine) {
  EXPECT_EQ(progress_line(backfill_view()),
            "backfill  12/120 steps  1,234,567 of about 6.2M rows  20.0%  71.2k rows/s  ETA 1m09s");
}

TEST(ProgressLineTest, SaysTheMeanRateToo) {
  ProgressView view = backfill_view();
  view.mean_rate = 65'000;
  EXPECT_THAT(progress_line(view), HasSubstr("  71.2k rows/s (mean 65.0k)  ETA"));
}

TEST(ProgressLineTest, LeavesRowsOutWhereThereAreNone) {
  ProgressView view;
  view.snapshot.stage = planner::Stage::kExpand;
  view.snapshot.steps = 7;
  view.snapshot.steps_done = 3;
  EXPECT_EQ(progress_line(view), "expand  3/7 steps");
  view.snapshot.stage = planner::Stage::kIndex;
  view.snapshot.rows = 700'000;
  view.rate = 52'000;
  EXPECT_EQ(progress_line(view), "index  3/7 steps");
}

/// What one thread writes and another waits for.
class Written : public std::streambuf {
 public:
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  void wait_for(const std::string& part) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30),
                                  [&] { return text_.find(part) != std::string::npos; }))
        << "no " << part << " in " << text_;
  }

 private:
  int_type overflow(int_type c) override {
    const std::lock_guard lock(mutex_);
    text_ += traits_type::to_char_type(c);
    changed_.notify_all();
    return c;
  }
  std::streamsize xsputn(const char* data, std::streamsize size) override {
    const std::lock_guard lock(mutex_);
    text_.append(data, static_cast<std::size_t>(size));
    changed_.notify_all();
    return size;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

TEST(ProgressDisplayTest, LogsPlainLinesWhereThereIsNoTerminal) {
  Written err;
  std::ostream stream(&err);
  Console console(stream);
  EXPECT_FALSE(console.interactive());
  engine::ProgressBoard board;
  board.job(9, 4, 100, 0);
  board.stage(planner::Stage::kEnforce);
  {
    const ProgressDisplay display(board, console);
    err.wait_for("info: enforce");
    board.stage(planner::Stage::kIndex);
    err.wait_for("info: index");
  }
  const std::string text = err.text();
  EXPECT_THAT(text, HasSubstr("info: enforce  4/9 steps\n"));
  EXPECT_THAT(text, HasSubstr("info: index  4/9 steps\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_THAT(text, Not(HasSubstr("\033")));
}

TEST(ProgressDisplayTest, SaysNothingBeforeThereIsAJob) {
  std::ostringstream err;
  Console console(err);
  engine::ProgressBoard board;
  { const ProgressDisplay display(board, console); }
  EXPECT_EQ(err.str(), "");
}

TEST(ConsoleTest, PutsTimeAndLevelInFrontOfLogLines) {
  std::ostringstream err;
  Console console(err);
  console.log(engine::LogLevel::kWarning, "the horizon is {held}");
  console.line("plain");
  EXPECT_THAT(err.str(), ::testing::MatchesRegex(
                             "[0-9][0-9]:[0-9][0-9]:[0-9][0-9] warning: the horizon is .held.\n"
                             "plain\n"));
}

}  // namespace
}  // namespace pgbackfill::tools
