#include "engine/coordinator_seat.hpp"
#include "engine/verify/verifier.hpp"
#include "tests/engine/rollback_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <set>

namespace pgbackfill::test {
namespace {

using engine::Refused;
using engine::RollbackOutcome;
using planner::Stage;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::string_view kOtherOrg = "00000000-0000-0000-0000-000000000103";

class Rollback : public RollbackTest {
 protected:
  /// One table of every kind of value, and an enum with a default, an index, a comment and a
  /// column privilege.
  void create_tables() {
    create_organizations();
    write_team_lookup();
    sql("CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
        "COMMENT ON TYPE user_role IS 'what one may';"
        "CREATE TABLE bookings (booking_id serial PRIMARY KEY, team_id integer NOT NULL);"
        "CREATE TABLE runs (run_id serial PRIMARY KEY, booking_id integer NOT NULL "
        "  REFERENCES bookings ON DELETE CASCADE);"
        "CREATE TABLE notes (note_id serial PRIMARY KEY, body text);"
        "CREATE TABLE users (user_id serial PRIMARY KEY, role user_role NOT NULL DEFAULT 'user', "
        "  before_that user_role, wanted text NOT NULL DEFAULT 'user');"
        "COMMENT ON COLUMN users.role IS 'what this one may';"
        "GRANT SELECT (role) ON users TO PUBLIC;"
        "CREATE INDEX users_role ON users (role, user_id); "
        "CREATE INDEX users_both ON users (user_id, before_that DESC);"
        "INSERT INTO bookings (team_id) SELECT n % 20 + 1 FROM generate_series(1, 300) AS n;"
        "INSERT INTO runs (booking_id) SELECT n FROM generate_series(1, 300) AS n;"
        "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 100);"
        "INSERT INTO users (role, before_that) SELECT CASE n % 3 WHEN 0 THEN 'user' WHEN 1 THEN "
        "  'admin' ELSE 'manager' END::user_role, CASE n % 2 WHEN 0 THEN 'user'::user_role END "
        "  FROM generate_series(1, 300) AS n;"
        "UPDATE users SET wanted = role::text; ANALYZE");
  }

  static std::string sections(std::string_view unmap = "unmap = { foreman = \"user\" }") {
    return std::string(kTeamLookup) + fmt::format(R"(
[[ensure]]
table = "organizations"
key = ["org_id"]
row = {{ org_id = "00000000-0000-0000-0000-000000000009", name = "It's 100% new" }}
[[table]]
name = "runs"
value = {{ parent = "bookings", via = "booking_id" }}
[[table]]
name = "bookings"
value = {{ lookup = "team_orgs", key = "team_id" }}
indexes = [ {{ name = "ix_bookings_org_team", columns = ["org_id", "team_id"] }} ]
[[table]]
name = "notes"
[[enum]]
type = "user_role"
values = ["worker", "foreman", "manager", "admin"]
map = {{ user = "worker" }}
{}
)",
                                                  unmap);
  }
};

TEST_F(Rollback, ToAStageIsWhereARunToThatStageLeaves) {
  create_tables();
  const auto spec = job(sections());
  std::map<Stage, std::string> dumps;
  const auto each_stage = [](auto&& visit) {
    for (int i = planner::kStageCount; i-- > 0;) visit(static_cast<Stage>(i));
  };
  for (int i = 0; i < planner::kStageCount; ++i) {
    run_until(spec, static_cast<Stage>(i));
    dumps[static_cast<Stage>(i)] = dump();
  }
  EXPECT_EQ(roll_back(spec, Stage::kFinish).outcome, RollbackOutcome::kNothing);
  each_stage([&](Stage stage) {
    SCOPED_TRACE(planner::to_string(stage));
    if (stage == Stage::kFinish) return;
    EXPECT_EQ(roll_back(spec, stage).outcome, RollbackOutcome::kDone);
    EXPECT_EQ(dump(), dumps[stage]);
    EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "running");
  });
  each_stage([&](Stage stage) {
    SCOPED_TRACE(planner::to_string(stage));
    run(spec);
    EXPECT_EQ(dump(), dumps[Stage::kFinish]);
    EXPECT_EQ(wrong_rows(), 0);
    EXPECT_TRUE(engine::verify(spec, session()).passed());
    roll_back(spec, stage);
  });
}

TEST_F(Rollback, WhatWillBeLostIsCountedAndConfirmed) {
  create_tables();
  const auto spec = job(sections());
  run(spec);
  sql(
      fmt::format("UPDATE users SET role = 'foreman' WHERE user_id <= 12;"
                  "UPDATE users SET before_that = 'foreman' WHERE user_id = 1;"
                  "UPDATE notes SET org_id = '{0}' WHERE note_id <= 3;"
                  "UPDATE bookings SET org_id = '{1}' WHERE booking_id = 1",
                  kOtherOrg, kDefaultOrg));
  remember();
  const auto refused = command("rollback", spec);
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_THAT(refused.out, HasSubstr("users.role: 12 rows 'foreman' become 'user'\n"));
  EXPECT_THAT(refused.out, HasSubstr("users.before_that: 1 row 'foreman' becomes 'user'\n"));
  EXPECT_THAT(refused.out, HasSubstr("notes: 3 rows belong to an organization other than " +
                                     std::string(kDefaultOrg)));
  EXPECT_THAT(refused.out, HasSubstr("bookings: 1 row belongs to an organization other than the "
                                     "one that their source gives"));
  EXPECT_THAT(refused.err, HasSubstr("--yes"));
  EXPECT_EQ(dump(), schema_);
  EXPECT_EQ(checksums(), data_);
  EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "finished");

  const auto done = command("rollback", spec, {"--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE user_id <= 12 AND role = 'user'"), 12);
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE user_id > 12 AND role::text <> wanted"), 0);
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
}

TEST_F(Rollback, ALabelThatNothingMapsBackIsRefused) {
  create_tables();
  const auto spec = job(sections(""));
  run(spec);
  sql("UPDATE users SET role = 'foreman' WHERE user_id <= 7");
  remember();
  try {
    roll_back(spec, Stage::kIndex, true);
    FAIL();
  } catch (const Refused& refused) {
    ASSERT_EQ(refused.findings().size(), 1U);
    EXPECT_THAT(refused.findings()[0].message,
                AllOf(HasSubstr("users.role: 7 rows 'foreman'"), HasSubstr("type user_role")));
  }
  EXPECT_EQ(dump(), schema_);
  EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "finished");
  sql("UPDATE users SET role = 'admin' WHERE role = 'foreman'");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
}

TEST_F(Rollback, OldValuesThatStillStandAreKept) {
  create_tables();
  remember();
  const auto spec = job(sections());
  run_until(spec, Stage::kIndex);
  // The old columns stand until their step of the stage finish: killed right behind the swap.
  const auto killed = command("run", spec, {}, "step-recorded:2=kill");
  ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
  ASSERT_EQ(value("SELECT state FROM pgbackfill.step WHERE step_id = 'finish:user_role:swap'"),
            "done");
  sql("INSERT INTO users (role, wanted) VALUES ('worker', 'user'), ('foreman', 'user');"
      "UPDATE users SET role = 'admin', wanted = 'admin' WHERE user_id = 2");
  EXPECT_THROW(roll_back(spec), Refused);
  EXPECT_THAT(losses_, ElementsAre("users.role: 1 row 'foreman' becomes 'user'"));
  EXPECT_EQ(roll_back(spec, {}, true).outcome, RollbackOutcome::kDone);
  EXPECT_EQ(dump(), schema_);
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE role::text <> wanted"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM users"), 302);
}

TEST_F(Rollback, KilledAtEveryPointItGoesOn) {
  create_tables();
  remember();
  const auto spec = job(sections());
  run(spec);
  std::set<std::string> reached;
  // The old columns are filled first; the rest are inverses.
  for (const std::string point : {"rollback-begun",
                                  "rollback-step-begun",
                                  "rollback-before-record",
                                  "rollback-step-recorded",
                                  "step-before-probe",
                                  "step-before-ddl",
                                  "step-before-record",
                                  "step-before-commit",
                                  "step-recorded",
                                  "stale-found",
                                  "stale-mended",
                                  "stale-mended:2",
                                  "step-recorded:2",
                                  "step-before-record:2",
                                  "rollback-before-commit",
                                  "rollback-step-recorded:3",
                                  "rollback-before-record:7",
                                  "rollback-before-commit:5",
                                  "rollback-step-begun:5",
                                  "rollback-before-commit:9",
                                  "rollback-before-end"}) {
    SCOPED_TRACE(point);
    const auto killed = command("rollback", spec, {}, point + "=kill");
    ASSERT_EQ(killed.signal, SIGKILL) << "never came there\n" << killed.out << killed.err;
    reached.insert(point.substr(0, point.find(':')));
  }
  for (const std::string_view point : engine::kSyncPointNames) {
    if (point.starts_with("rollback-")) {
      EXPECT_TRUE(reached.contains(std::string(point))) << point;
    }
  }
  const auto last = command("rollback", spec);
  EXPECT_EQ(last.exit_code, 0) << last.err;
  expect_as_before();
}

TEST_F(Rollback, HalfDoneItKeepsRunOutUntilItHasFinished) {
  create_tables();
  const auto spec = job(sections());
  run(spec);
  ASSERT_EQ(command("rollback", spec, {"--to", "enforce"}, "rollback-step-recorded:9=kill").signal,
            SIGKILL);
  const auto refused = command("run", spec);
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("`pgbackfill rollback --to enforce` must finish first"));
  EXPECT_THAT(command("status", spec).out, HasSubstr("rolling back to stage enforce"));
  const auto too_late = command("rollback", spec, {"--to", "index"});
  EXPECT_EQ(too_late.exit_code, 3);
  EXPECT_THAT(too_late.err, HasSubstr("finish it with --to enforce"));
  EXPECT_EQ(command("rollback", spec, {"--to", "enforce"}).exit_code, 0);
  EXPECT_EQ(command("run", spec).exit_code, 0);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_TRUE(engine::verify(spec, session()).passed());
}

TEST_F(Rollback, StoppedBySignalItGoesOnToo) {
  create_tables();
  remember();
  const auto spec = job(sections());
  run_until(spec, Stage::kIndex);
  ProgramOptions program;
  program.environment[engine::kSyncPointVariable] = "rollback-step-begun:5=stop";
  RunningProgram rollback(PGBACKFILL_EXECUTABLE, {"rollback", "-c", spec.file, "--dsn", dsn()},
                          program);
  ASSERT_TRUE(rollback.wait_until_stopped());
  rollback.signal(SIGTERM);
  rollback.signal(SIGCONT);
  const auto outcome = rollback.wait();
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "rolling back");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  expect_as_before();
}

TEST_F(Rollback, EnsuredRowsGoOnlyWhereTheyAreOursAndNobodyRefersToThem) {
  create_tables();
  sql("CREATE TABLE billing (org_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE)");
  const auto spec = job(sections() + R"(
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000008", name = "somebody else's" }
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000007", name = "ours" }
)");
  const auto killed = command("run", spec, {}, "job-created=kill");
  ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
  sql("INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000008', 'theirs')");
  run(spec);
  sql("INSERT INTO billing VALUES ('00000000-0000-0000-0000-000000000009')");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  EXPECT_EQ(value("SELECT string_agg(right(org_id::text, 1), '' ORDER BY org_id) FROM "
                  "organizations WHERE org_id::text LIKE '%-00000000000_'"),
            "189");
  EXPECT_EQ(count("SELECT count(*) FROM billing"), 1);
  EXPECT_THAT(rollback_log_,
              HasSubstr("organizations: {00000000-0000-0000-0000-000000000009}: kept, for rows of "
                        "billing refer to it"));
}

TEST_F(Rollback, WhatOthersHangOnColumnsTypesAndTheLedgerIsNamedNotDropped) {
  create_tables();
  remember();
  const auto spec = job(sections());
  run(spec);
  sql("CREATE VIEW by_org AS SELECT org_id, count(*) FROM bookings GROUP BY org_id;"
      "CREATE FUNCTION is_worker(r user_role) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;"
      "CREATE VIEW progress AS SELECT * FROM pgbackfill.progress");
  const auto refused = command("rollback", spec, {"--yes"});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_THAT(refused.err, AllOf(HasSubstr("column org_id of bookings"), HasSubstr("view by_org"),
                                 HasSubstr("type user_role: function is_worker")));
  EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "finished");
  sql("DROP VIEW by_org; DROP FUNCTION is_worker;"
      "CREATE INDEX theirs ON notes (org_id, body);"
      "ALTER TABLE users ADD CONSTRAINT some_role CHECK (user_id > 0 OR role IS NOT NULL)");
  EXPECT_THROW(roll_back(spec), Refused);
  EXPECT_THAT(losses_, ElementsAre("column role of users: constraint some_role on table users goes "
                                   "with it",
                                   "column org_id of notes: index theirs goes with it"));
  const auto done = command("rollback", spec, {"--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, AllOf(HasSubstr("the schema pgbackfill is kept"),
                              HasSubstr("view progress depends on")));
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.job"), 0);
  sql("DROP VIEW progress");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  expect_as_before();
}

TEST_F(Rollback, StepsThatCannotBeTakenBackAreAllListed) {
  create_tables();
  std::string text = sections();
  const std::string values = R"(["worker", "foreman", "manager", "admin"])";
  // In the old order, so that labels are renamed and added in place.
  text.replace(text.find(values), values.size(),
               R"(["worker", "intern", "admin", "manager", "foreman"])");
  const auto spec = job(text);
  run(spec);
  try {
    roll_back(spec, {}, true);
    FAIL();
  } catch (const Refused& refused) {
    EXPECT_EQ(refused.findings().size(), 2U);
    EXPECT_THAT(refused.findings()[0].to_string(), HasSubstr("cannot drop a label"));
  }
  EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "finished");
}

TEST_F(Rollback, AColumnThatWasThereStaysWithItsValues) {
  create_tables();
  sql("ALTER TABLE bookings ADD COLUMN org_id uuid;"
      "ALTER TABLE notes ADD COLUMN org_id uuid DEFAULT '00000000-0000-0000-0000-000000000101'");
  remember();
  const auto spec = job(sections());
  run(spec);
  EXPECT_THROW(roll_back(spec), Refused);
  EXPECT_THAT(losses_, ElementsAre(HasSubstr("bookings: org_id was there before the job, so the "
                                             "300 values")));
  EXPECT_EQ(roll_back(spec, {}, true).outcome, RollbackOutcome::kDone);
  EXPECT_EQ(dump(), schema_);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(Rollback, AKeyThatBecameUniqueByOrganizationIsUniqueOverAllAgain) {
  create_tables();
  sql("ALTER TABLE bookings ADD COLUMN number text UNIQUE;"
      "UPDATE bookings SET number = 'B' || booking_id");
  remember();
  const auto spec = job(sections() + R"(
[[unique]]
table = "bookings"
columns = ["number"]
scope = "tenant"
)");
  run(spec);
  ASSERT_NE(value("SELECT string_agg(pg_get_constraintdef(oid), ' ') FROM pg_constraint WHERE "
                  "conrelid = 'bookings'::regclass AND contype = 'u'"),
            "UNIQUE (number)");
  sql("UPDATE bookings SET number = 'B1' WHERE booking_id = 2");
  EXPECT_THROW(roll_back(spec, {}, true), Refused);
  EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "finished");
  sql("UPDATE bookings SET number = 'B2' WHERE booking_id = 2");
  // Built, but not noted as taken back.
  const auto killed = command("rollback", spec, {}, "rollback-before-record:7=kill");
  ASSERT_EQ(killed.signal, SIGKILL) << killed.out << killed.err;
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  expect_as_before();
}

TEST_F(Rollback, SecondOperatorIsToldWhoIsAtWork) {
  create_tables();
  const auto spec = job(sections());
  run_until(spec, Stage::kExpand);
  auto other = connect();
  engine::CoordinatorSeat seat;
  seat.take(other);
  EXPECT_THAT([&] { roll_back(spec); },
              ThrowsMessage<Refused>(HasSubstr("backend " + std::to_string(other.backend_pid()))));
}

TEST_F(Rollback, LiveWritersLoseNothing) {
  create_tables();
  const auto spec = job(sections());
  run(spec);
  Application writer(connect(), [](pgbackfill::sql::Connection& session, int round) {
    const std::string_view role = round % 2 == 0 ? "admin" : "manager";
    session.execute(fmt::format("UPDATE users SET role = '{0}', wanted = '{0}' WHERE user_id = {1}",
                                role, round % 300 + 1));
    session.execute("INSERT INTO users (role) VALUES (DEFAULT)");
  });
  writer.reach(20);
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  writer.reach(20);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE role::text <> wanted"), 0);
}

}  // namespace
}  // namespace pgbackfill::test
