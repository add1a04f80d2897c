#include "tests/engine/enum_carry_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using ::testing::HasSubstr;
using ::testing::Not;

class EnumDomain : public EnumCarry {
 protected:
  void SetUp() override {
    EnumCarry::SetUp();
    sql("CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
        "CREATE DOMAIN given AS user_role NOT NULL CHECK (VALUE <> 'manager');"
        "CREATE DOMAIN any_role AS user_role DEFAULT 'user'; CREATE DOMAIN list AS user_role[];"
        "CREATE TABLE plain (id int PRIMARY KEY, role any_role, late any_role);"
        "INSERT INTO plain SELECT i, 'user' FROM generate_series(1, 50) AS i;"
        "CREATE TABLE staff (id int PRIMARY KEY, role given DEFAULT 'user', was any_role,"
        " roles list NOT NULL DEFAULT '{user}', each any_role[])");
    sql(
        fmt::format("INSERT INTO staff SELECT i, (ARRAY['user', 'admin'])[i % 2 + 1]::user_role,"
                    " (ARRAY['user', 'admin', 'manager'])[i % 3 + 1]::user_role,"
                    " ARRAY['user', 'admin']::user_role[], ARRAY['user', NULL]::user_role[]"
                    " FROM generate_series(1, {}) AS i",
                    rows_));
  }

  const int rows_ = 2000;
};

TEST_F(EnumDomain, LiveWritersGoOn) {
  const auto expected = expected_dump();
  // Labels that are there before and after.
  Application writer(connect(), [this](sql::Connection& session, int round) {
    const int id = changed_row(round * 17, rows_);
    session.execute(
        fmt::format("UPDATE staff SET role = 'admin', was = '{}', roles = '{{admin}}',"
                    " each = '{{manager,NULL}}' WHERE id = {}",
                    round % 2 == 0 ? "manager" : "admin", id));
    session.execute(
        fmt::format("INSERT INTO staff (id, role, was) VALUES ({}, 'admin', NULL)", 10000 + round));
    session.execute(fmt::format("DELETE FROM staff WHERE id = {}", changed_row(round * 29, rows_)));
  });
  writer.reach(5);
  ASSERT_EQ(refusal(enum_job(kWorkers)), "not refused");
  writer.reach(5);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  EXPECT_EQ(dump(), expected);
  EXPECT_EQ(value("SELECT count(*) FROM staff WHERE role IS NULL OR roles IS NULL"), "0");
  EXPECT_EQ(
      value("SELECT count(*) FROM staff WHERE id < 10000 AND role::text = 'worker' AND"
            " (roles::text <> '{worker,admin}' OR each::text <> '{worker,NULL}' OR was::text <>"
            " (ARRAY['worker', 'admin', 'manager'])[id % 3 + 1])"),
      "0");
  EXPECT_NE(value("SELECT count(*) FROM staff WHERE role::text = 'worker'"), "0");
  EXPECT_EQ(value("INSERT INTO staff (id) VALUES (-1) RETURNING role || ' ' || was"),
            "worker worker");
  EXPECT_THROW(sql("INSERT INTO staff (id, role) VALUES (-2, 'manager')"), sql::Error);
  EXPECT_THROW(sql("INSERT INTO staff (id, role) VALUES (-2, NULL)"), sql::Error);
}

TEST_F(EnumDomain, UpToTheSwapItCanBeTakenBack) { expect_taken_back_from_index(); }

TEST_F(EnumDomain, AfterFinishItComesBack) {
  const auto before = dump();
  const auto rows = checksums();
  const auto file = enum_file(kWorkers).string();
  const auto plan = pgbackfill({"plan", "-c", file});
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("domain given: the cutover compares all rows"));
  ASSERT_EQ(run(enum_job(kWorkers)).outcome, RunOutcome::kDone);
  const auto verified = pgbackfill({"verify", "-c", file});
  EXPECT_EQ(verified.exit_code, 0) << verified.out;
  sql("CREATE DOMAIN pgbackfill_old_given AS user_role");
  const auto left = pgbackfill({"verify", "-c", file});
  EXPECT_EQ(left.exit_code, 5) << left.out;
  EXPECT_THAT(left.out, HasSubstr("pgbackfill_old_given"));
  sql("DROP DOMAIN pgbackfill_old_given");
  const auto back = pgbackfill({"rollback", "-c", file, "--yes"});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(checksums(), rows);
}

TEST_F(EnumDomain, ConstraintsOverItsArraysDoNotComeBack) {
  sql("CREATE DOMAIN narrow AS user_role CHECK (VALUE <> 'manager');"
      "CREATE TABLE arrays (id int PRIMARY KEY, each narrow[]);"
      "INSERT INTO arrays VALUES (1, '{user,admin}')");
  const auto file = enum_file(kWorkers).string();
  ASSERT_EQ(run(enum_job(kWorkers)).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT each::text FROM arrays"), "{worker,admin}");
  EXPECT_THROW(sql("INSERT INTO arrays VALUES (2, '{manager}')"), sql::Error);
  const auto refused = pgbackfill({"rollback", "-c", file, "--yes"});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("domain narrow, of which there are arrays"));
}

TEST_F(EnumDomain, WhatCannotFollowIsRefused) {
  sql("CREATE TABLE arrays (id int PRIMARY KEY, givens given[])");
  EXPECT_THAT(refusal(enum_job(kWorkers)),
              HasSubstr("domain given: it has constraints, and there are both columns of it "
                        "(staff.role) and arrays of it (arrays.givens)"));
  sql("DROP TABLE arrays; CREATE FUNCTION known(r user_role) RETURNS bool LANGUAGE sql IMMUTABLE"
      " AS 'SELECT true'; ALTER DOMAIN given ADD CONSTRAINT is_known CHECK (known(VALUE))");
  EXPECT_THAT(refusal(enum_job(kWorkers)), HasSubstr("constraint is_known"));
  sql("ALTER DOMAIN given DROP CONSTRAINT is_known; CREATE DOMAIN nested AS list;"
      "CREATE TABLE deep (id int PRIMARY KEY, lists nested[])");
  EXPECT_THAT(refusal(enum_job(kWorkers)), HasSubstr("column lists of table"));
}

TEST_F(EnumDomain, MergedLabelsThatItForbidsAreRefused) {
  EXPECT_THAT(refusal(enum_job("[[enum]]\ntype = \"user_role\"\nvalues = [\"chief\", \"admin\"]\n"
                               "map = { user = \"chief\", manager = \"chief\" }\n")),
              HasSubstr("staff.role: with the new labels, 1000 values are not what domain given "
                        "demands"));
}

TEST_F(EnumDomain, ConstraintsOverLargeTablesAreComparedOffline) {
  sql("ALTER TABLE staff ADD wide text; ALTER TABLE staff ALTER wide SET STORAGE PLAIN;"
      "INSERT INTO staff (id, role, wide) SELECT i, 'admin', repeat('x', 7000) FROM "
      "generate_series(10001, 11100) AS i");
  const std::string refused = refusal(enum_job(kWorkers));
  EXPECT_THAT(refused, HasSubstr("domain given: it has constraints, and staff.role is of it"));
  EXPECT_THAT(refused, Not(HasSubstr("domain any_role")));
  auto offline = enum_job(kWorkers);
  offline.run.online = false;
  ASSERT_EQ(run(offline).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT count(*) FROM staff WHERE role::text = 'worker'"), "1000");
}

}  // namespace
}  // namespace pgbackfill::test
