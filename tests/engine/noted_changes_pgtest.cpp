#include "planner/plan/plan.hpp"
#include "tests/engine/rollback_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;
using ::testing::HasSubstr;

/// Tables large enough for their changes to be noted while they are filled, and made good behind
/// it.
class NotedChanges : public RollbackTest {
 protected:
  static constexpr int kRows = 20'000;

  void SetUp() override {
    RollbackTest::SetUp();
    create_organizations();
    write_team_lookup();
  }

  /// 2 MB and more.
  void create_bookings(std::string_view key = "booking_id integer PRIMARY KEY") {
    sql(
        fmt::format("CREATE TABLE bookings ({}, team_id integer, note text NOT NULL);"
                    "INSERT INTO bookings SELECT n, n % 20 + 1, repeat('n', 100) "
                    "FROM generate_series(1, {}) AS n; ANALYZE",
                    key, kRows));
  }

  planner::JobSpec by_team(std::string_view otherwise = {}) {
    auto spec =
        job(fmt::format("{}[[table]]\nname = \"bookings\"\n"
                        "value = {{ lookup = \"team_orgs\", key = \"team_id\"{} }}\n",
                        kTeamLookup, otherwise));
    spec.run.batch_rows = 200;
    return spec;
  }

  /// Stops in the middle of the backfill, where some rows have their values.
  void fill_half(const planner::JobSpec& spec) {
    const auto outcome = command("run", spec, {"--batch-rows", "200"}, "batch-committed:30=kill");
    ASSERT_EQ(outcome.signal, SIGKILL) << outcome.out << outcome.err;
    ASSERT_GT(count("SELECT count(*) FROM bookings WHERE org_id IS NOT NULL"), 0);
    ASSERT_GT(count("SELECT count(*) FROM bookings WHERE org_id IS NULL"), 0);
  }

  std::int64_t made_good() {
    return count(
        "SELECT rows FROM pgbackfill.step WHERE step_id = 'backfill:bookings:catch-up:org_id'");
  }
};

TEST_F(NotedChanges, WhatMovesWhileTheTableIsFilledIsMadeGoodBehindIt) {
  create_bookings();
  const auto spec = by_team();
  fill_half(spec);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 3 = 0");
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 6 = 0");
  EXPECT_GT(wrong_rows(), 0) << "what was filled before it moved waits for the backfill's end";
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_GT(made_good(), 0);
  // From now on at once.
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 5 = 0");
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%pgbackfill%'"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_class WHERE relname LIKE 'noted%'"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_proc WHERE proname LIKE 'note%'"), 0);
}

TEST_F(NotedChanges, TheBackfillLocksAndNotesNoRowOfItsOwn) {
  create_bookings();
  const auto spec = by_team();
  run_until(spec, Stage::kExpand);
  EXPECT_EQ(count("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'bookings'::regclass "
                  "AND (tgtype & 2) <> 0 AND (tgtype & 16) <> 0"),
            0)
      << "before any BEFORE UPDATE trigger the server locks each row, and logs that";
  run_until(spec, Stage::kBackfill);
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.\"noted_public.bookings\""), 0);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(NotedChanges, ARowThatLosesItsSourceIsNotLeftWithWhatItHad) {
  create_bookings();
  const auto spec = by_team();
  fill_half(spec);
  const std::string moved = value("SELECT min(booking_id) FROM bookings WHERE org_id IS NOT NULL");
  sql("UPDATE bookings SET team_id = 99 WHERE booking_id = " + moved);
  try {
    run_until(spec, Stage::kBackfill);
    FAIL() << "no organization is known for team 99";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("bookings"));
  }
  EXPECT_EQ(value("SELECT org_id IS NULL FROM bookings WHERE booking_id = " + moved), "t");
  sql("UPDATE bookings SET team_id = 7 WHERE booking_id = " + moved);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(NotedChanges, WhatOtherwiseSaysOrTheStatementItselfStands) {
  create_bookings();
  const auto spec = by_team(", otherwise = \"quarantine\"");
  fill_half(spec);
  const std::string filled =
      "(SELECT booking_id FROM bookings WHERE org_id IS NOT NULL ORDER BY 1 "
      "LIMIT 1 OFFSET {})";
  const std::string own = value("SELECT " + fmt::format(fmt::runtime(filled), 0));
  const std::string lost = value("SELECT " + fmt::format(fmt::runtime(filled), 1));
  const std::string both = value("SELECT " + fmt::format(fmt::runtime(filled), 2));
  const std::string org = "'00000000-0000-0000-0000-000000000104'";
  sql(
      fmt::format("UPDATE bookings SET team_id = 99, org_id = {} WHERE booking_id = {};"
                  "UPDATE bookings SET team_id = 98 WHERE booking_id = {};"
                  "UPDATE bookings SET team_id = 99, org_id = {} WHERE booking_id = {};"
                  "UPDATE bookings SET team_id = 98 WHERE booking_id = {}",
                  org, own, lost, org, both, both));
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT right(org_id::text, 3) FROM bookings WHERE booking_id = " + own), "104");
  EXPECT_EQ(value("SELECT string_agg(row_key, ',' ORDER BY row_key) FROM pgbackfill.quarantine"),
            lost < both ? lost + "," + both : both + "," + lost);
}

TEST_F(NotedChanges, WhatAForeignKeyDoesToRowsIsNotedToo) {
  create_bookings();
  sql("CREATE TABLE teams (team_id integer PRIMARY KEY);"
      "INSERT INTO teams SELECT generate_series(1, 20);"
      "ALTER TABLE bookings ADD FOREIGN KEY (team_id) REFERENCES teams ON DELETE SET NULL "
      "ON UPDATE CASCADE; CREATE INDEX ON bookings (team_id)");
  const auto spec = by_team(", otherwise = { constant = \"" + std::string(kDefaultOrg) + "\" }");
  fill_half(spec);
  sql("DELETE FROM teams WHERE team_id = 5; UPDATE teams SET team_id = 5 WHERE team_id = 8");
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM bookings WHERE team_id IS NULL AND org_id = '" +
                  std::string(kDefaultOrg) + "'"),
            kRows / 20);
  EXPECT_EQ(wrong_rows(), kRows / 20) << "the rows without a team";
}

TEST_F(NotedChanges, RowsAreFoundByTheKeyThatTheyHaveInTheEnd) {
  create_bookings("\"Booking Id\" integer");
  sql("ALTER TABLE bookings ADD \"a t\" date NOT NULL DEFAULT '2020-01-01', "
      "ADD PRIMARY KEY (\"a t\", \"Booking Id\")");
  const auto spec = by_team();
  fill_half(spec);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE \"Booking Id\" % 3 = 0");
  sql("UPDATE bookings SET \"Booking Id\" = -\"Booking Id\" WHERE \"Booking Id\" % 2 = 0");
  sql("DELETE FROM bookings WHERE \"Booking Id\" % 9 = 0");
  sql("INSERT INTO bookings (\"Booking Id\", team_id, note) VALUES (9, 4, 'again')");
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_GT(made_good(), 0);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(NotedChanges, InputsThatATriggerOfTheApplicationMaySetAreFollowedAtOnce) {
  create_bookings();
  sql("CREATE FUNCTION reassign() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF NEW.note = 'reassign' THEN NEW.team_id := 7; END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER reassign BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION reassign()");
  auto spec = by_team();
  spec.run.user_triggers = planner::UserTriggers::kFire;
  run_until(spec, Stage::kExpand);
  sql("UPDATE bookings SET note = 'reassign' WHERE booking_id = 1");
  EXPECT_EQ(value("SELECT right(org_id::text, 3) FROM bookings WHERE booking_id = 1"), "103");
}

TEST_F(NotedChanges, ValuesWhoseTypesHaveNoEqualityAreNotedToo) {
  sql(
      fmt::format("CREATE TABLE notes (note_id integer PRIMARY KEY, meta json NOT NULL, body text);"
                  "INSERT INTO notes SELECT n, json_build_object('org', 101 + n % 5), "
                  "repeat('b', 100) FROM generate_series(1, {}) AS n",
                  kRows));
  const auto spec = job(R"toml(
[[table]]
name = "notes"
value = { sql = "('00000000-0000-0000-0000-000000000' || (notes.meta ->> 'org'))::uuid" }
)toml");
  const auto outcome = command("run", spec, {"--batch-rows", "200"}, "batch-committed:30=kill");
  ASSERT_EQ(outcome.signal, SIGKILL) << outcome.err;
  sql("UPDATE notes SET meta = '{\"org\": 103}' WHERE note_id % 2 = 0");
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM notes WHERE right(org_id::text, 3) <> meta ->> 'org'"), 0);
}

TEST_F(NotedChanges, ParentsAreMadeGoodBeforeTheirChildren) {
  create_bookings();
  sql(
      fmt::format("CREATE TABLE runs (run_id integer PRIMARY KEY, booking_id integer NOT NULL, "
                  "note text NOT NULL);"
                  "INSERT INTO runs SELECT n, n, repeat('n', 100) FROM generate_series(1, {}) AS n;"
                  "ANALYZE",
                  kRows));
  const auto spec = job(std::string(kTeamLookup) + R"toml(
[[table]]
name = "runs"
value = { parent = "bookings", via = "booking_id" }
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
)toml");
  const auto outcome = command("run", spec, {}, "backfill-complete:2=kill");
  ASSERT_EQ(outcome.signal, SIGKILL) << outcome.err;
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id <= 5000;"
      "UPDATE runs SET booking_id = booking_id + 1 WHERE run_id <= 4000");
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM runs JOIN bookings USING (booking_id) "
                  "WHERE run_id <= 4000 AND runs.org_id IS DISTINCT FROM bookings.org_id"),
            0);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM runs JOIN bookings USING (booking_id) "
                  "WHERE runs.org_id IS DISTINCT FROM bookings.org_id"),
            0);
}

TEST_F(NotedChanges, KilledWhileItIsMadeGoodTheRunGoesOn) {
  create_bookings();
  const auto spec = by_team();
  fill_half(spec);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 3 = 0");
  for (const char* point : {"backfill-complete=kill", "stale-found=kill", "stale-mended=kill"}) {
    SCOPED_TRACE(point);
    const auto outcome = command("run", spec, {"--until", "backfill"}, point);
    ASSERT_EQ(outcome.signal, SIGKILL) << outcome.out << outcome.err;
  }
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
}

TEST_F(NotedChanges, TakenBackToAnyStageItIsAsThatStageLeavesIt) {
  create_bookings();
  remember();
  const auto spec = by_team();
  run_until(spec, Stage::kExpand);
  const std::string expanded = dump();
  run_until(spec, Stage::kBackfill);
  const std::string filled = dump();
  EXPECT_NE(expanded, filled);
  run_until(spec, Stage::kEnforce);
  roll_back(spec, Stage::kBackfill, true);
  EXPECT_EQ(dump(), filled);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 3 = 0");
  EXPECT_EQ(wrong_rows(), 0);
  roll_back(spec, Stage::kExpand, true);
  EXPECT_EQ(dump(), expanded);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 3 = 0");
  run_until(spec, Stage::kBackfill);
  EXPECT_EQ(wrong_rows(), 0);
  sql("UPDATE bookings SET team_id = (team_id + 17) % 20 + 1 WHERE booking_id % 3 = 0");
  roll_back(spec, {}, true);
  expect_as_before();
}

/// An application that moves rows all the while, also by their keys.
TEST_F(NotedChanges, RowsMoveAllTheWhile) {
  create_bookings();
  const auto spec = by_team();
  run_until(spec, Stage::kEnsure);
  Application application(connect(), [](sql::Connection& session, int round) {
    session.execute(fmt::format(
        "UPDATE bookings SET team_id = {1} % 20 + 1 WHERE booking_id % 500 = {0};"
        "UPDATE bookings SET booking_id = booking_id + 1000000 WHERE booking_id = {0};"
        "UPDATE bookings SET note = 'x' WHERE booking_id % 500 = {0} + 1;"
        "INSERT INTO bookings (booking_id, team_id, note) VALUES ({2}, {1} % 20 + 1, 'new') "
        "ON CONFLICT (booking_id) DO UPDATE SET team_id = excluded.team_id",
        round * 37 % 500, round, 10'000 + round % 20'000));
  });
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  application.reach(20);
  application.end();
  EXPECT_EQ(application.errors(), 0) << application.first_error();
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
}

}  // namespace
}  // namespace pgbackfill::test
