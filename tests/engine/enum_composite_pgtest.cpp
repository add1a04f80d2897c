#include "tests/engine/enum_carry_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

using engine::RollbackOutcome;
using engine::RunOutcome;
using planner::Stage;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Columns of composite types with labels inside.
class EnumComposite : public EnumCarry {
 protected:
  void SetUp() override {
    EnumCarry::SetUp();
    sql("CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
        "CREATE TYPE \"Entry\" AS (note varchar(20) COLLATE \"C\", role user_role,"
        " roles user_role[], extra json);"
        "COMMENT ON TYPE \"Entry\" IS 'of a log'; COMMENT ON COLUMN \"Entry\".role IS 'whose';"
        "REVOKE ALL ON TYPE \"Entry\" FROM PUBLIC;"
        "CREATE TYPE around AS (entry \"Entry\", n int);"
        "CREATE TABLE staff (id int PRIMARY KEY, entry \"Entry\" NOT NULL DEFAULT"
        " ROW('new', 'user'::user_role, '{user}'::user_role[], NULL), late \"Entry\","
        " CONSTRAINT known CHECK ((entry).role <> 'manager' OR id > 0));"
        "COMMENT ON COLUMN staff.entry IS 'the first';"
        "CREATE INDEX by_role ON staff (((entry).role), id) WHERE (late).role = 'user';"
        "CREATE FUNCTION role_of(e \"Entry\") RETURNS user_role LANGUAGE sql IMMUTABLE AS 'SELECT "
        "(e).role'; CREATE FUNCTION arounds() RETURNS SETOF around LANGUAGE sql STABLE AS 'SELECT "
        "entry, 1 FROM staff';"
        "CREATE VIEW listed AS SELECT id, (entry).role, late FROM staff WHERE role_of(entry) = "
        "'user'; CREATE VIEW surrounded AS SELECT (entry).note, n FROM arounds();"
        "CREATE TABLE parted (id int, entry \"Entry\") PARTITION BY RANGE (id);"
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (500);"
        "CREATE TABLE parted_2 PARTITION OF parted DEFAULT");
    sql(
        fmt::format("INSERT INTO staff SELECT i, ROW('n' || i, (ARRAY['user', 'admin'])[i % 2 + 1]"
                    "::user_role, CASE WHEN i % 3 > 0 THEN '{{user,NULL}}'::user_role[] END,"
                    " '{{\"a\": 1}}')::\"Entry\", CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN"
                    " ROW(NULL, NULL, NULL, NULL)::\"Entry\" ELSE ROW(NULL, 'manager', '{{}}',"
                    " NULL)::\"Entry\" END FROM generate_series(1, {}) AS i;"
                    "INSERT INTO parted SELECT id, entry FROM staff",
                    rows_));
  }

  const int rows_ = 2000;
};

TEST_F(EnumComposite, LiveWritersGoOn) {
  const auto expected = expected_dump();
  Application writer(connect(), [this](sql::Connection& session, int round) {
    const int id = changed_row(round * 17, rows_);
    session.execute(
        fmt::format("UPDATE staff SET entry = ROW('w', 'admin', '{{admin,manager}}', NULL),"
                    " late.role = '{}' WHERE id = {}",
                    round % 2 == 0 ? "manager" : "admin", id));
    session.execute(fmt::format("UPDATE parted SET entry.role = 'admin' WHERE id = {}", id));
    session.execute(fmt::format(
        "INSERT INTO staff (id, entry, late) VALUES ({}, ROW(NULL, 'admin', NULL, NULL), NULL)",
        10000 + round));
    session.execute(fmt::format("DELETE FROM staff WHERE id = {}", changed_row(round * 29, rows_)));
  });
  writer.reach(5);
  ASSERT_EQ(refusal(enum_job(kWorkers)), "not refused");
  writer.reach(5);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  EXPECT_EQ(dump(), expected);
  EXPECT_EQ(value("SELECT count(*) FROM staff WHERE entry IS NOT DISTINCT FROM NULL"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM staff WHERE id < 10000 AND (entry).note <> 'w' AND"
                  " (entry)::text <> concat('(n', id, ',', (ARRAY['worker', 'admin'])[id % 2 + 1],"
                  " CASE WHEN id % 3 > 0 THEN ',\"{worker,NULL}\"' ELSE ',' END,"
                  " ',\"{\"\"a\"\": 1}\")')"),
            "0");
  EXPECT_EQ(value("SELECT string_agg(DISTINCT id % 5 || coalesce(late::text, 'NULL'), ' ')"
                  " FROM staff WHERE (entry).note LIKE 'n%'"),
            "0NULL 1(,,,) 2(,manager,{},) 3(,manager,{},) 4(,manager,{},)");
  EXPECT_EQ(value("SELECT count(*) FROM parted WHERE (entry).role IS NULL"), "0");
  EXPECT_NE(value("SELECT count(*) FROM parted WHERE (entry).role = 'worker'"), "0");
  EXPECT_EQ(value("INSERT INTO staff (id) VALUES (-1) RETURNING entry::text"),
            "(new,worker,{worker},)");
  EXPECT_THROW(sql("INSERT INTO staff (id, entry) VALUES (-2, NULL)"), sql::Error);
}

TEST_F(EnumComposite, UpToTheSwapItCanBeTakenBack) { expect_taken_back_from_index(); }

TEST_F(EnumComposite, AfterFinishItComesBack) {
  const auto before = dump();
  const auto rows = checksums();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  const auto file = enum_file(kWorkers).string();
  const auto verified = pgbackfill({"verify", "-c", file});
  EXPECT_EQ(verified.exit_code, 0) << verified.out;
  sql("CREATE TYPE pgbackfill_old_entry AS (role user_role)");
  const auto left = pgbackfill({"verify", "-c", file});
  EXPECT_EQ(left.exit_code, 5) << left.out;
  EXPECT_THAT(left.out, HasSubstr("DROP TYPE pgbackfill_old_entry"));
  sql("DROP TYPE pgbackfill_old_entry");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  EXPECT_THAT(losses_, IsEmpty());
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(checksums(), rows);
}

TEST_F(EnumComposite, RightBehindTheSwapOldValuesThatAgreeStay) {
  const auto before = dump();
  const auto spec = enum_job(
      "[[enum]]\ntype = \"user_role\"\nvalues = [\"worker\", \"admin\"]\n"
      "map = { user = \"worker\", manager = \"worker\" }\nunmap = { worker = \"user\" }\n");
  const auto rows = checksums();
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  ASSERT_NO_FATAL_FAILURE(kill_right_behind_swap(spec));
  EXPECT_EQ(value("SELECT late::text || (pgbackfill_old_late).role FROM staff WHERE id = 2"),
            "(,worker,{},)manager");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  EXPECT_THAT(losses_, IsEmpty());
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(checksums(), rows);
}

TEST_F(EnumComposite, WhatDoesNotComeBackIsCountedFirst) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("UPDATE staff SET entry.role = 'foreman' WHERE id = 3;"
      "UPDATE staff SET late.roles = '{foreman,foreman}' WHERE id = 4;"
      "UPDATE staff SET late.roles = '{{admin}}' WHERE id = 7;"
      "CREATE TABLE later (id int, entry \"Entry\")");
  const auto refused = command("rollback", spec, {"--yes"});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("staff.entry.role: 1 row 'foreman': neither unmap"),
                    HasSubstr("staff.late.roles: 2 elements 'foreman': neither unmap"),
                    HasSubstr("staff.late.roles: 1 row has an array of several dimensions"),
                    HasSubstr("type \"Entry\": column entry of table later depends on it")));
}

TEST_F(EnumComposite, AColumnThatCameAfterThePlanEndsTheSwap) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  sql("CREATE TABLE later (id int, entry \"Entry\")");
  try {
    run(spec);
    ADD_FAILURE() << "swapped beside a column of the old type";
  } catch (const sql::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("column entry of table later"));
  }
  sql("DROP TABLE later");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
}

TEST_F(EnumComposite, LabelsThatNothingMapsAreCountedInside) {
  EXPECT_THAT(refusal(enum_job("[[enum]]\ntype = \"user_role\"\nvalues = [\"admin\", \"user\"]\n")),
              HasSubstr("its label 'manager' is neither mapped nor among the new values (1200 rows "
                        "have it)"));
}

TEST_F(EnumComposite, WhatCannotFollowIsRefused) {
  struct Case {
    std::string statement;
    std::string finding;
    std::string undo;
  };
  const std::string keeps = " keeps it from following";
  const std::vector<Case> cases{
      {"ALTER TABLE staff ADD lists \"Entry\"[]",
       "composite type \"Entry\": column lists of table staff" + keeps,
       "ALTER TABLE staff DROP lists"},
      {"ALTER TABLE staff ADD outer_one around",
       "composite type around: column entry of composite type around" + keeps,
       "ALTER TABLE staff DROP outer_one"},
      {"CREATE DOMAIN whole AS \"Entry\"", "composite type \"Entry\": type whole" + keeps,
       "DROP DOMAIN whole"},
      {"CREATE TABLE typed OF \"Entry\"", "composite type \"Entry\": table typed" + keeps,
       "DROP TABLE typed"},
      {"ALTER TABLE staff ALTER late SET DEFAULT '(x,user,,)'",
       "staff.late: its default is not a plain label", "ALTER TABLE staff ALTER late DROP DEFAULT"},
      {"UPDATE staff SET entry.roles = '{{user}}' WHERE id = 9",
       "staff.entry.roles: 1 row has an array of several dimensions",
       "UPDATE staff SET entry.roles = '{user}' WHERE id = 9"}};
  for (const Case& refused : cases) {
    SCOPED_TRACE(refused.statement);
    sql(refused.statement);
    EXPECT_THAT(refusal(enum_job(kWorkers)), HasSubstr(refused.finding));
    sql(refused.undo);
  }
  EXPECT_THAT(
      refusal(enum_job(std::string(kWorkers) + "when = { user = { foreman = \"id < 9\" } }\n")),
      HasSubstr("composite type \"Entry\": columns are of it, and the labels in them would be "
                "split"));
  sql("CREATE TYPE a_state AS ENUM ('on', 'off');"
      "ALTER TYPE \"Entry\" ADD ATTRIBUTE state a_state");
  EXPECT_THAT(refusal(enum_job(std::string(kWorkers) +
                               "[[enum]]\ntype = \"a_state\"\nvalues = [\"off\", \"on\"]\n")),
              HasSubstr("composite type \"Entry\": it holds two types that are replaced"));
}

}  // namespace
}  // namespace pgbackfill::test
