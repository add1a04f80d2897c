#include "tools/plan_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace pgbackfill::tools {
namespace {

using planner::LockClass;
using planner::Method;
using planner::Plan;
using planner::Stage;
using planner::Step;
using planner::StepKind;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Step step(const std::string& id, Stage stage, const std::string& table, const std::string& sql,
          StepKind kind = StepKind::kSql) {
  Step made;
  made.id = id;
  made.stage = stage;
  made.kind = kind;
  made.table = table;
  made.title = "does " + id;
  made.sql = {sql};
  return made;
}

Step backfill(const std::string& table, Method method, double rows, std::int64_t blocks,
              const std::string& lookup) {
  Step made = step("backfill:" + table, Stage::kBackfill, table, "UPDATE", StepKind::kBackfill);
  made.backfill.emplace();
  made.backfill->table = {"public", table};
  made.backfill->method = method;
  made.backfill->estimated_rows = rows;
  made.backfill->blocks = blocks;
  planner::Assignment assignment;
  assignment.column = "org_id";
  assignment.resolve = planner::ResolveKind::kLookup;
  assignment.lookup = lookup;
  made.backfill->assignments = {assignment};
  made.backfill->indexes = 3;
  return made;
}

/// Three tables of a kind each, and enough steps to be too long to be shown.
Plan sample() {
  Plan plan;
  plan.schema = "public";
  plan.steps = {step("expand:bookings:add", Stage::kExpand, "bookings", "ALTER TABLE bookings ADD"),
                step("expand:settings:add", Stage::kExpand, "settings", "ALTER TABLE settings ADD"),
                backfill("bookings", Method::kCopy, 1e6, 40'000, "teams"),
                backfill("notes", Method::kCopy, 1000, 20, "teams"),
                backfill("settings", Method::kCatalog, 50, 1, ""),
                step("index:bookings:create:ix", Stage::kIndex, "bookings",
                     "CREATE INDEX CONCURRENTLY ix ON bookings (org_id)", StepKind::kAlone)};
  for (int i = 0; i < 50; ++i) {
    plan.steps.push_back(step("finish:x:" + std::to_string(i), Stage::kFinish, "", "SELECT 1"));
  }
  plan.steps.back().irreversible = "it is gone";
  plan.notes = {"bookings: a note", "notes: another"};
  return plan;
}

std::string line_with(const std::string& text, const std::string& word) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.find(word) != std::string::npos) return line;
  }
  return {};
}

TEST(PlanPageTest, HasALinePerTableThatIsWrittenAndFoldsTheRest) {
  const std::string text = plan_page({sample(), {}, {}, false});
  const std::string bookings = line_with(text, "  bookings ");
  EXPECT_THAT(bookings, AllOf(HasSubstr(" copy "), HasSubstr(" 1.0M "), HasSubstr(" 328M "),
                              HasSubstr(" moment "), HasSubstr("[1]")));
  EXPECT_LT(text.find("  bookings "), text.find("  notes ")) << "the longest first";
  EXPECT_THAT(text, AllOf(HasSubstr("[1] each row is written: org_id (lookup teams)"),
                          Not(HasSubstr("[2]")),
                          HasSubstr("by the catalog alone, no row written (1 table, "),
                          HasSubstr("settings"), HasSubstr("rule of thumb")));
}

TEST(PlanPageTest, NamesFindingsStagesAndWhatCannotBeTakenBack) {
  const std::string text =
      plan_page({sample(), {{false, "bookings", "is large", "wait", {"GRANT x;"}}}, {}, false});
  EXPECT_THAT(text,
              AllOf(HasSubstr("\nfindings\n  warning: bookings: is large. Wait.\n  GRANT x;\n"),
                    HasSubstr("  expand (2 steps) "), HasSubstr("  finish (50 steps) "),
                    HasSubstr("cannot be taken back\n  does finish:x:49: it is gone\n"),
                    HasSubstr("\nnotes\n  bookings: a note\n"),
                    Not(HasSubstr("does expand:bookings:add"))));
}

TEST(PlanPageTest, FitsIntoEightyColumns) {
  Plan plan = sample();
  for (int i = 0; i < 40; ++i) {
    const std::string table = "a_table_with_a_name_of_some_length_" + std::to_string(i);
    plan.steps.push_back(backfill(table, i % 2 == 0 ? Method::kCatalog : Method::kUpdate, 1e9 * i,
                                  90'000'000, std::string(30, 'r') + " " + std::string(40, 's')));
  }
  std::istringstream lines(plan_page({plan, {}, {}, false}));
  std::string line;
  while (std::getline(lines, line)) EXPECT_LE(line.size(), 80U) << line;
}

TEST(PlanPageTest, ShowsEveryStepWhenAskedOrWhenThereAreFew) {
  EXPECT_THAT(plan_page({sample(), {}, {}, true}), HasSubstr("does expand:bookings:add\n"));
  Plan few = sample();
  few.steps.resize(6);
  EXPECT_THAT(plan_page({few, {}, {}, false}), HasSubstr("does expand:bookings:add\n"));
}

TEST(PlanPageTest, NarrowsToTables) {
  const Plan plan = sample();
  EXPECT_THAT(plan_tables(plan), ElementsAre("bookings", "settings", "notes"));
  Plan storage;
  const PlanPage whole{
      plan,
      {{false, "notes.body", "is odd", "", {}}, {false, "users", "is odd", "", {}}},
      {},
      false};
  const std::string text = plan_page(narrowed(whole, {"notes"}, storage));
  EXPECT_THAT(text, AllOf(HasSubstr("  notes "), HasSubstr("does backfill:notes"),
                          HasSubstr("notes.body"), HasSubstr("notes: another")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("bookings")), Not(HasSubstr("users"))));
}

LockClass lock_of(std::vector<Step> steps) {
  Plan plan;
  plan.steps = std::move(steps);
  return planner::strongest_locks(plan).at("t");
}

TEST(StrongestLockTest, TellsMomentsFromScansThatKeepOthersWaiting) {
  const Step check = step("enforce:t:validate-check:org_id", Stage::kEnforce, "t",
                          "ALTER TABLE t VALIDATE CONSTRAINT c");
  const Step set = step("enforce:t:set-not-null:org_id", Stage::kEnforce, "t",
                        "ALTER TABLE t ALTER COLUMN org_id SET NOT NULL");
  EXPECT_EQ(lock_of({backfill("t", Method::kCopy, 1, 1, "")}), LockClass::kRows);
  EXPECT_EQ(lock_of({check}), LockClass::kScan);
  EXPECT_EQ(lock_of({check, set}), LockClass::kMoment);
  EXPECT_EQ(lock_of({set}), LockClass::kAll);
  const std::string key = "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES o (a)";
  EXPECT_EQ(lock_of({step("foreign-key:t:add:a", Stage::kForeignKey, "t", key + " NOT VALID")}),
            LockClass::kMoment);
  EXPECT_EQ(lock_of({step("foreign-key:t:add:a", Stage::kForeignKey, "t", key)}),
            LockClass::kWrites);
  EXPECT_EQ(lock_of({step("foreign-key:t:add:leaf:t1", Stage::kForeignKey, "t", key + " NOT VALID"),
                     step("foreign-key:t:add:a", Stage::kForeignKey, "t", key)}),
            LockClass::kMoment);
  EXPECT_EQ(lock_of({step("index:t:create:i", Stage::kIndex, "t", "CREATE INDEX i ON t (a)")}),
            LockClass::kWrites);
}

/// Of a million rows, 24 a page, and of a few of the same.
TEST(OutlookTest, ASmallTableGrowsByItself) {
  const auto growth = [](double rows, std::int64_t blocks) {
    planner::Plan plan;
    plan.steps = {backfill("t", Method::kUpdate, rows, blocks, "")};
    const auto table = planner::outlook(plan, {}).at(0);
    return table.disk_bytes / static_cast<double>(table.bytes);
  };
  EXPECT_LT(growth(1'000'000, 41'667), 0.2);
  EXPECT_GT(growth(1'000, 42), 1);
}

TEST(OutlookTest, CountsWhatIsWrittenAndWhatIsBuilt) {
  const auto tables = planner::outlook(sample(), {});
  ASSERT_EQ(tables.size(), 3U);
  EXPECT_TRUE(tables[0].written);
  EXPECT_GT(tables[0].wal_bytes, 40'000 * 8192.0);
  EXPECT_FALSE(tables[1].written);
  EXPECT_EQ(tables[1].wal_bytes, 0);
  const auto sampled = planner::outlook(sample(), {{"bookings", {1000, 1e-3, 60}}});
  EXPECT_TRUE(sampled[0].sampled);
  EXPECT_GE(sampled[0].seconds, 1000);
  EXPECT_FALSE(sampled[2].sampled);
}

}  // namespace
}  // namespace pgbackfill::tools
