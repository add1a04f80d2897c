#include "engine/fill_gate.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

/// Rows that come without their organization, counted, and what enforce makes of them.
class FillGate : public JobTest {
 protected:
  void create_tables() {
    create_organizations();
    write_team_lookup();
    sql("CREATE TABLE bookings (booking_id serial PRIMARY KEY, team_id integer NOT NULL);"
        "CREATE TABLE notes (note_id serial PRIMARY KEY, body text);"
        "INSERT INTO bookings (team_id) SELECT n % 20 + 1 FROM generate_series(1, 100) AS n;"
        "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 100); ANALYZE");
  }
  planner::JobSpec spec() {
    return job(std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "notes"
)");
  }
  std::vector<engine::FillRecord> fills() { return engine::Ledger(session()).fills(); }
};

TEST_F(FillGate, CountsByDefaultAndByTriggerWhatCameWithout) {
  create_tables();
  const auto job = spec();
  run_until(job, Stage::kBackfill);
  for (const engine::FillRecord& fill : fills()) {
    EXPECT_EQ(fill.rows, 0) << fill.table << ": the job's own rows do not count";
    EXPECT_FALSE(fill.last.has_value());
  }
  sql("INSERT INTO notes (body) SELECT 'new' FROM generate_series(1, 7);"
      "INSERT INTO notes (body, org_id) VALUES ('own', '00000000-0000-0000-0000-000000000103');"
      "INSERT INTO bookings (team_id) VALUES (3), (4);"
      "INSERT INTO bookings (team_id, org_id) VALUES (3, '00000000-0000-0000-0000-000000000104')");
  const auto counted = fills();
  ASSERT_EQ(counted.size(), 2U);
  EXPECT_EQ(counted[0].table, "bookings");
  EXPECT_EQ(counted[0].rows, 2);
  EXPECT_EQ(counted[1].table, "notes");
  EXPECT_EQ(counted[1].rows, 7);
  ASSERT_TRUE(counted[1].last.has_value());
  EXPECT_GE(*counted[1].last, 0);
  EXPECT_THAT(describe(counted[1]), HasSubstr("notes: 7 rows without org_id since "));
  EXPECT_EQ(count("SELECT count(*) FROM notes WHERE org_id IS NULL"), 0);
}

TEST_F(FillGate, AnApplicationWithoutPrivilegesOnTheLedgerGoesOnInserting) {
  create_tables();
  sql("DROP ROLE IF EXISTS fill_gate_app; CREATE ROLE fill_gate_app LOGIN;"
      "GRANT SELECT, INSERT ON bookings, notes TO fill_gate_app;"
      "GRANT USAGE ON SEQUENCE bookings_booking_id_seq, notes_note_id_seq TO fill_gate_app");
  run_until(spec(), Stage::kBackfill);
  auto application = connect("fill_gate_app");
  application.execute(
      "INSERT INTO notes (body) VALUES ('x'); INSERT INTO bookings (team_id) "
      "VALUES (5)");
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(fills()[0].rows + fills()[1].rows, 2);
  sql("DROP OWNED BY fill_gate_app; DROP ROLE fill_gate_app");
}

TEST_F(FillGate, WarnsAndNamesTheTablesWithoutTheKey) {
  create_tables();
  const auto job = spec();
  run_until(job, Stage::kBackfill);
  sql("INSERT INTO notes (body) VALUES ('new')");
  EXPECT_EQ(run(job).outcome, RunOutcome::kDone);
  EXPECT_THAT(log_, Contains(HasSubstr("will have its rows refused: notes: 1 row without org_id")));
  EXPECT_THAT(log_, Each(Not(HasSubstr("bookings: 0"))));
  EXPECT_GT(
      count("SELECT count(*) FROM pgbackfill.event WHERE message LIKE '%rows refused: notes%'"), 0);
  EXPECT_TRUE(fills().empty());
  EXPECT_THROW(sql("INSERT INTO notes (body) VALUES ('too late')"), sql::Error);
  EXPECT_EQ(count("SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relnamespace = "
                  "'pgbackfill'::regnamespace AND relname ~ '^(fills|filled)'"),
            0);
}

TEST_F(FillGate, SaysNothingWhereNobodyNeededIt) {
  create_tables();
  EXPECT_EQ(run(spec()).outcome, RunOutcome::kDone);
  EXPECT_THAT(log_, Each(Not(HasSubstr("refused"))));
}

TEST_F(FillGate, WaitsUntilNobodyNeedsTheFill) {
  create_tables();
  auto job = spec();
  job.run.enforce_when_quiet = std::chrono::seconds(2);
  run_until(job, Stage::kBackfill);
  Application application(connect(), [](sql::Connection& session, int) {
    session.execute("INSERT INTO notes (body) VALUES ('old version')");
  });
  application.reach(1);
  boost::thread runner([&] { EXPECT_EQ(run(job).outcome, RunOutcome::kDone); });
  while (
      count("SELECT count(*) FROM pgbackfill.event WHERE message LIKE '%enforce waits%notes%'") ==
      0) {
    boost::this_thread::yield();
  }
  // As long as rows come, it waits; none of them fails.
  application.reach(500);
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.step WHERE stage = 'enforce' AND state <> "
                  "'pending'"),
            0);
  application.end();
  EXPECT_EQ(application.errors(), 0) << application.first_error();
  runner.join();
  EXPECT_EQ(count("SELECT count(*) FROM notes WHERE org_id IS NULL"), 0);
}

TEST_F(FillGate, AStopEndsTheWait) {
  create_tables();
  auto job = spec();
  job.run.enforce_when_quiet = std::chrono::hours(1);
  run_until(job, Stage::kBackfill);
  boost::thread runner([&] { EXPECT_EQ(run(job).outcome, RunOutcome::kStopped); });
  while (count("SELECT count(*) FROM pgbackfill.event WHERE message LIKE '%enforce waits%'") == 0) {
    boost::this_thread::yield();
  }
  stop_.request();
  runner.join();
}

}  // namespace
}  // namespace pgbackfill::test
