#include "engine/ledger/ledger.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;
using planner::UserTriggers;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kThreeLevels = R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id", otherwise = { constant = "00000000-0000-0000-0000-000000000001" } }
[[table]]
name = "runs"
value = { parent = "bookings", via = "booking_id" }
[[table]]
name = "items"
value = { parent = "runs", via = "run_id" }
)";

/// Values that are computed from columns which the application goes on changing.
class LiveValues : public JobTest {
 protected:
  void create_tables(int bookings) {
    create_organizations();
    write_team_lookup();
    sql(
        fmt::format("CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, "
                    "  note text NOT NULL DEFAULT 'n');"
                    "CREATE TABLE runs (run_id integer PRIMARY KEY, booking_id integer NOT NULL "
                    "  REFERENCES bookings ON DELETE CASCADE);"
                    "CREATE TABLE items (item_id integer PRIMARY KEY, run_id integer NOT NULL "
                    "  REFERENCES runs ON DELETE CASCADE);"
                    "INSERT INTO bookings SELECT n, n % 20 + 1 FROM generate_series(1, {0}) AS n;"
                    "INSERT INTO runs SELECT n, n FROM generate_series(1, {0}) AS n;"
                    "INSERT INTO items SELECT n, (n + 1) / 2 FROM generate_series(1, 2 * {0}) AS n;"
                    "CREATE INDEX ON runs (booking_id); CREATE INDEX ON items (run_id); ANALYZE",
                    bookings));
  }

  /// Rows of all levels that differ from what the lookup file says of their booking's team.
  std::int64_t differences() {
    const std::string org =
        fmt::format("CASE WHEN b.team_id BETWEEN 1 AND 20 THEN {} ELSE '{}' END",
                    team_org("b.team_id"), kDefaultOrg);
    return count(fmt::format(
        "SELECT (SELECT count(*) FROM bookings AS b WHERE b.org_id IS DISTINCT FROM {0}) + "
        "(SELECT count(*) FROM runs AS r JOIN bookings AS b USING (booking_id) "
        " WHERE r.org_id IS DISTINCT FROM {0}) + "
        "(SELECT count(*) FROM items AS i JOIN runs AS r USING (run_id) "
        " JOIN bookings AS b USING (booking_id) WHERE i.org_id IS DISTINCT FROM {0})",
        org));
  }

  std::int64_t mended(std::string_view table) {
    return count(
        fmt::format("SELECT rows FROM pgbackfill.step WHERE step_id LIKE "
                    "'enforce:{}:reconcile%'",
                    table));
  }

  planner::Plan plan(const planner::JobSpec& spec) {
    const sql::Catalog catalog = sql::read_catalog(session());
    return planner::make_plan(spec, catalog, session());
  }
};

TEST_F(LiveValues, ARowThatMovesTakesItsNewOrganizationAtOnce) {
  create_tables(1000);
  const auto spec = job(std::string(kTeamLookup) + kThreeLevels);
  run_until(spec, Stage::kExpand);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 3 = 0");
  run_until(spec, Stage::kBackfill);
  EXPECT_EQ(differences(), 0);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 2 = 0");
  sql("UPDATE bookings SET team_id = NULL WHERE booking_id = 5");
  EXPECT_EQ(wrong_rows(), 1) << "row 5 has the organization for rows without a team";
  EXPECT_EQ(value("SELECT org_id FROM bookings WHERE booking_id = 5"), kDefaultOrg);
  sql("UPDATE runs SET booking_id = 17 WHERE run_id = 18");
  EXPECT_EQ(count("SELECT count(*) FROM runs AS r JOIN bookings AS b USING (booking_id) "
                  "WHERE r.run_id = 18 AND r.org_id = b.org_id"),
            1);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(differences(), 0);
}

TEST_F(LiveValues, AParentThatMovesTakesItsChildrenAlongBeforeEnforce) {
  create_tables(1000);
  const auto spec = job(std::string(kTeamLookup) + kThreeLevels);
  run_until(spec, Stage::kBackfill);
  sql("UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id <= 100");
  EXPECT_EQ(differences(), 300) << "the rows below the moved bookings: 100 runs, 200 items";
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(differences(), 0);
  EXPECT_EQ(mended("bookings"), 0);
  EXPECT_EQ(mended("runs"), 100);
  EXPECT_EQ(mended("items"), 200);
  EXPECT_THAT(log_, Contains(HasSubstr("items: 200 rows had another value than their source")));
}

TEST_F(LiveValues, WhatGoesAroundTheTriggersIsFoundByTheComparison) {
  create_tables(500);
  const auto spec = job(std::string(kTeamLookup) + kThreeLevels);
  run_until(spec, Stage::kBackfill);
  sql("SET session_replication_role = replica;"
      "UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id <= 50;"
      "SET session_replication_role = origin");
  EXPECT_EQ(differences(), 200);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(differences(), 0);
  EXPECT_EQ(mended("bookings"), 50);
}

TEST_F(LiveValues, AnInputThatTheApplicationsTriggerSetsIsFollowedToo) {
  create_tables(100);
  sql("CREATE FUNCTION reassign() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF NEW.note = 'reassign' THEN NEW.team_id := 7; END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER reassign BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION reassign()");
  auto spec = job(std::string(kTeamLookup) + kThreeLevels);
  spec.run.user_triggers = UserTriggers::kFire;
  run_until(spec, Stage::kBackfill);
  sql("UPDATE bookings SET note = 'reassign' WHERE booking_id = 1");
  EXPECT_EQ(count("SELECT count(*) FROM bookings WHERE booking_id = 1 AND team_id = 7"), 1);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(LiveValues, TheBackfillsOwnWritesDoNotFireThem) {
  create_tables(300);
  const auto spec = job(std::string(kTeamLookup) + kThreeLevels);
  run_until(spec, Stage::kExpand);
  sql("CREATE TABLE calls (n integer);"
      "CREATE OR REPLACE FUNCTION pgbackfill.\"follow_public.bookings\"() RETURNS trigger LANGUAGE "
      "plpgsql AS $$ BEGIN INSERT INTO calls VALUES (1); RETURN NEW; END $$");
  run_until(spec, Stage::kBackfill);
  EXPECT_EQ(count("SELECT count(*) FROM calls"), 0);
  EXPECT_EQ(wrong_rows(), 0);
  sql("UPDATE bookings SET team_id = team_id WHERE booking_id = 1");
  EXPECT_EQ(count("SELECT count(*) FROM calls"), 0);
  sql("UPDATE bookings SET team_id = 9 WHERE booking_id = 1");
  EXPECT_EQ(count("SELECT count(*) FROM calls"), 1);
}

TEST_F(LiveValues, WhereTheSourceHasNoneTheStatementsOwnValueStands) {
  create_tables(100);
  auto text = std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
)";
  const auto spec = job(text);
  run_until(spec, Stage::kBackfill);
  // A team that came after the mapping was made: only the application knows its organization.
  sql("UPDATE bookings SET team_id = 99, org_id = '00000000-0000-0000-0000-000000000105' "
      "WHERE booking_id = 1;"
      "INSERT INTO bookings (booking_id, team_id, org_id) "
      "VALUES (5000, 99, '00000000-0000-0000-0000-000000000104')");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT right(org_id::text, 3) FROM bookings WHERE booking_id = 1"), "105");
  EXPECT_EQ(value("SELECT right(org_id::text, 3) FROM bookings WHERE booking_id = 5000"), "104");
}

TEST_F(LiveValues, TheColumnsThatAnExpressionReadsAreItsInputs) {
  create_organizations();
  sql("CREATE TABLE notes (note_id integer PRIMARY KEY, meta json NOT NULL, body text, other text);"
      "INSERT INTO notes SELECT n, json_build_object('org', 101 + n % 5), 'b', 'o' "
      "FROM generate_series(1, 100) AS n");
  const auto spec = job(R"toml(
[[table]]
name = "notes"
value = { sql = "('00000000-0000-0000-0000-000000000' || (notes.meta ->> 'org'))::uuid" }
)toml");
  const planner::Plan planned = plan(spec);
  const planner::Step* trigger = planned.step("expand:notes:fill-trigger:org_id");
  ASSERT_NE(trigger, nullptr);
  EXPECT_THAT(trigger->title, HasSubstr("follows meta"));
  EXPECT_THAT(planned.notes, ::testing::IsEmpty());
  run_until(spec, Stage::kBackfill);
  sql("UPDATE notes SET meta = '{\"org\": 103}' WHERE note_id = 1");
  EXPECT_EQ(value("SELECT right(org_id::text, 3) FROM notes WHERE note_id = 1"), "103");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
}

TEST_F(LiveValues, ATableThatWaitsForALaterOneLetsItGoFirst) {
  create_organizations();
  sql("CREATE TABLE customers (customer_id integer PRIMARY KEY, country text NOT NULL);"
      "CREATE TABLE orders (order_id integer PRIMARY KEY, customer_id integer NOT NULL);"
      "INSERT INTO customers SELECT n, 'c' || n % 5 FROM generate_series(1, 50) AS n;"
      "INSERT INTO orders SELECT n, n % 50 + 1 FROM generate_series(1, 500) AS n");
  auto spec = job(R"toml(
[[table]]
name = "orders"
[[column]]
table = "orders"
name = "region"
type = "text"
value = { parent = "customers", via = "customer_id", column = "region" }
not_null = true
[[column]]
table = "customers"
name = "region"
type = "text"
value = { sql = "upper(country)" }
not_null = true
)toml");
  spec.run.ddl_workers = 1;
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM orders JOIN customers USING (customer_id) "
                  "WHERE orders.region = upper(country)"),
            500);
}

TEST_F(LiveValues, WhatAnExpressionReadsElsewhereIsSaidAndCompared) {
  create_tables(200);
  sql("CREATE TABLE clients (client_id integer PRIMARY KEY);"
      "INSERT INTO clients SELECT generate_series(1, 50);"
      "ALTER TABLE bookings ADD client_id integer REFERENCES clients;"
      "UPDATE bookings SET client_id = booking_id WHERE booking_id <= 50");
  const auto spec = job(std::string(kTeamLookup) + kThreeLevels + R"toml(
[[table]]
name = "clients"
value = { sql = "(SELECT min(b.org_id::text)::uuid FROM bookings b WHERE b.client_id = clients.client_id)" }
)toml");
  EXPECT_THAT(plan(spec).notes, Contains(HasSubstr("clients: its sql value also reads bookings")));
  run_until(spec, Stage::kBackfill);
  sql("UPDATE bookings SET team_id = 8 WHERE booking_id = 3");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(mended("clients"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM clients JOIN bookings USING (client_id) "
                  "WHERE clients.org_id <> bookings.org_id"),
            0);
}

TEST_F(LiveValues, TablesOfEveryShapeAreCompared) {
  create_organizations();
  write_team_lookup();
  sql("CREATE TABLE bookings (booking_id integer, at date, team_id integer, "
      "  PRIMARY KEY (booking_id, at)) PARTITION BY RANGE (at);"
      "CREATE TABLE bookings_1 PARTITION OF bookings FOR VALUES FROM ('2020-01-01') TO "
      "('2021-01-01');"
      "CREATE TABLE bookings_2 PARTITION OF bookings FOR VALUES FROM ('2021-01-01') TO "
      "('2022-01-01');"
      "CREATE TABLE \"No Key\" (\"te am\" integer);"
      "INSERT INTO bookings SELECT n, '2020-07-01'::date + n % 365, n % 20 + 1 "
      "  FROM generate_series(1, 400) AS n;"
      "INSERT INTO \"No Key\" SELECT n % 20 + 1 FROM generate_series(1, 300) AS n; ANALYZE");
  const auto spec = job(std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "\"No Key\""
value = { lookup = "team_orgs", key = "te am" }
)");
  run_until(spec, Stage::kBackfill);
  sql("UPDATE \"No Key\" SET \"te am\" = 4 WHERE \"te am\" = 3;"
      "UPDATE bookings SET team_id = 4 WHERE team_id = 3");
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM \"No Key\" WHERE org_id IS DISTINCT FROM " +
                  team_org("\"te am\"")),
            0);
  sql("SET session_replication_role = replica;"
      "UPDATE \"No Key\" SET \"te am\" = 7 WHERE \"te am\" = 5;"
      "UPDATE bookings SET team_id = 7 WHERE team_id = 5;"
      "SET session_replication_role = origin");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM \"No Key\" WHERE org_id IS DISTINCT FROM " +
                  team_org("\"te am\"")),
            0);
}

/// An application of the old version until the backfill is done, then of the new one, which sends
/// the organization and moves what lies below a booking together with it.
TEST_F(LiveValues, RowsAndTheirParentsMoveAllTheWhile) {
  create_tables(4000);
  auto spec = job(std::string(kTeamLookup) + kThreeLevels);
  spec.run.batch_rows = 200;
  run_until(spec, Stage::kEnsure);
  const auto old_version = [](sql::Connection& session, int round) {
    const int booking = round * 37 % 4000 + 1;
    session.execute(
        fmt::format("UPDATE bookings SET team_id = {1} % 20 + 1 WHERE booking_id = {0};"
                    "UPDATE runs SET booking_id = {2} WHERE run_id = {0};"
                    "INSERT INTO bookings (booking_id, team_id) VALUES ({3}, {1} % 20 + 1);"
                    "INSERT INTO runs VALUES ({3}, {3}); INSERT INTO items VALUES ({3}, {3});"
                    "UPDATE bookings SET note = 'x' WHERE booking_id = {2};"
                    "DELETE FROM items WHERE item_id = {2}",
                    booking, round, round * 53 % 4000 + 1, 1'000'000 + round));
  };
  const auto new_version = [](sql::Connection& session, int round) {
    const int booking = round * 41 % 4000 + 1;
    const std::string org = team_org(fmt::format("({} % 20 + 1)", round));
    session.execute(fmt::format(
        "BEGIN; SELECT FROM bookings WHERE booking_id = {0} FOR UPDATE;"
        "UPDATE bookings SET team_id = {1} % 20 + 1, org_id = {2} WHERE booking_id = {0};"
        "UPDATE runs SET org_id = {2} WHERE booking_id = {0};"
        "UPDATE items SET org_id = {2} FROM runs WHERE runs.run_id = items.run_id "
        "  AND runs.booking_id = {0};"
        "COMMIT;"
        "INSERT INTO bookings (booking_id, team_id, org_id) VALUES ({3}, {1} % 20 + 1, {2})",
        booking, round, org, 2'000'000 + round));
  };
  {
    Application application(connect(), old_version);
    EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
    application.reach(50);
    application.end();
    EXPECT_EQ(application.errors(), 0) << application.first_error();
  }
  Application application(connect(), new_version);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  application.reach(50);
  application.end();
  EXPECT_EQ(application.errors(), 0) << application.first_error();
  EXPECT_EQ(differences(), 0);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kAlreadyDone);
}

}  // namespace
}  // namespace pgbackfill::test
