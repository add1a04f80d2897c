#include "tests/engine/job_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::MethodChoice;
using planner::OrderChoice;
using planner::Stage;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

/// Rows and servers that refuse: what is set aside, waited for and said.
class Errors : public JobTest {
 protected:
  /// Rows 77 and 1500 break a CHECK that was never validated.
  void create_bookings() {
    create_organizations();
    write_team_lookup();
    sql("CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, price integer);"
        "INSERT INTO bookings SELECT n, n % 20 + 1, CASE WHEN n IN (77, 1500) THEN -1 ELSE n END "
        "FROM generate_series(1, 2000) AS n;"
        "CREATE TABLE items (item_id integer PRIMARY KEY, booking_id integer NOT NULL REFERENCES "
        "bookings);"
        "INSERT INTO items SELECT n, n FROM generate_series(1, 2000) AS n; ANALYZE;"
        "ALTER TABLE bookings ADD CONSTRAINT positive CHECK (price > 0) NOT VALID");
  }
  planner::JobSpec spec(std::int64_t max_quarantined) {
    auto spec = job(std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "items"
value = { parent = "bookings", via = "booking_id" }
)");
    spec.run.max_quarantined = max_quarantined;
    spec.run.user_triggers = planner::UserTriggers::kFire;
    return spec;
  }
  std::string quarantine() {
    return value(
        "SELECT string_agg(row_key || ' ' || sqlstate, ', ' ORDER BY row_key::integer) FROM "
        "pgbackfill.quarantine WHERE sqlstate IS NOT NULL");
  }
  std::int64_t unfilled() { return count("SELECT count(*) FROM bookings WHERE org_id IS NULL"); }
};

TEST_F(Errors, StopsAtTheFirstRowThatTheServerRefuses) {
  create_bookings();
  EXPECT_THAT([&] { run(spec(0)); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr("bookings: the server refuses to change row"), HasSubstr("23514"),
                        HasSubstr("positive"), HasSubstr("max_quarantined is 0"))));
  sql("UPDATE bookings SET price = 1 WHERE price < 0");
  EXPECT_EQ(run(spec(0)).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 2000);
}

struct Way {
  const char* name;
  MethodChoice method;
  OrderChoice order;
};

class ErrorsByEveryMethod : public Errors, public ::testing::WithParamInterface<Way> {};

TEST_P(ErrorsByEveryMethod, RefusedRowsAreSetAsideAndTheRestIsDone) {
  create_bookings();
  auto job = spec(10);
  job.run.method = GetParam().method;
  job.run.order = GetParam().order;
  job.run.batch_rows = 100;
  EXPECT_THAT([&] { run(job); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr("2 rows were refused by the server"), HasSubstr("all others"))));
  EXPECT_EQ(quarantine(), "77 23514, 1500 23514");
  EXPECT_EQ(unfilled(), 2);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 1998);
  EXPECT_EQ(count("SELECT count(*) FROM items WHERE org_id IS NULL"), 2) << "only their children";
  // Nothing mended: the same again, and still not in enforce.
  EXPECT_THROW(run(job), std::runtime_error);
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.step WHERE stage = 'enforce' AND state <> "
                  "'pending'"),
            0);
  sql("UPDATE bookings SET price = 1 WHERE booking_id = 77");
  EXPECT_THAT([&] { run(job); }, ThrowsMessage<std::runtime_error>(HasSubstr("1 row was refused")));
  sql("ALTER TABLE bookings DROP CONSTRAINT positive");
  EXPECT_EQ(run(job).outcome, RunOutcome::kDone);
  EXPECT_EQ(quarantine(), "NULL");
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 2000);
  EXPECT_EQ(ledger_rows("backfill:items"), 2000);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, ErrorsByEveryMethod,
    ::testing::Values(Way{"CopyByBlock", MethodChoice::kCopy, OrderChoice::kBlock},
                      Way{"CopyByKey", MethodChoice::kCopy, OrderChoice::kKey},
                      Way{"UpdateByBlock", MethodChoice::kUpdate, OrderChoice::kBlock},
                      Way{"UpdateByKey", MethodChoice::kUpdate, OrderChoice::kKey}),
    [](const auto& way) { return way.param.name; });

TEST_F(Errors, ATriggersOwnExceptionAndADeferredConstraintAreRefusalsToo) {
  create_bookings();
  sql("ALTER TABLE bookings DROP CONSTRAINT positive;"
      "CREATE FUNCTION dislikes() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF NEW.booking_id = 5 THEN RAISE EXCEPTION 'not five'; END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER dislikes BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION dislikes();"
      "CREATE FUNCTION regrets() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF NEW.booking_id = 6 THEN RAISE EXCEPTION 'not six' USING ERRCODE = '23514'; "
      "END IF; RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER regrets AFTER UPDATE ON bookings DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION regrets()");
  EXPECT_THROW(run(spec(2)), std::runtime_error);
  EXPECT_EQ(quarantine(), "5 P0001, 6 23514");
  EXPECT_EQ(ledger_rows("backfill:bookings"), 1998);
  sql("DROP TRIGGER dislikes ON bookings; DROP TRIGGER regrets ON bookings");
  EXPECT_EQ(run(spec(2)).outcome, RunOutcome::kDone);
}

TEST_F(Errors, MoreThanTheLimitStopsTheJob) {
  create_bookings();
  EXPECT_THAT([&] { run(spec(1)); },
              ThrowsMessage<std::runtime_error>(HasSubstr("max_quarantined is 1")));
}

TEST_F(Errors, AFullDiskIsWaitedFor) {
  create_bookings();
  // As the server says it; the flag stands for the room.
  sql("ALTER TABLE bookings DROP CONSTRAINT positive; CREATE TABLE disk (full_ boolean);"
      "INSERT INTO disk VALUES (true);"
      "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF (SELECT full_ FROM disk) AND NEW.booking_id = 1000 THEN RAISE EXCEPTION "
      "'could not extend file: No space left on device' USING ERRCODE = '53100'; END IF; "
      "RETURN NEW; END $$;"
      "CREATE TRIGGER no_room BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION no_room()");
  boost::thread operator_([&] {
    wait_for_log("waiting for room on the server's disk");
    connect().execute("UPDATE disk SET full_ = false");
  });
  EXPECT_EQ(run_until(spec(0), Stage::kBackfill).outcome, RunOutcome::kDone);
  operator_.join();
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 2000);
}

TEST_F(Errors, TheRolesTimeoutsAreNotOurs) {
  create_bookings();
  sql("ALTER TABLE bookings DROP CONSTRAINT positive");
  sql(
      fmt::format("ALTER DATABASE {0} SET statement_timeout = '1ms';"
                  "ALTER DATABASE {0} SET idle_in_transaction_session_timeout = '1ms'",
                  value("SELECT current_database()")));
  if (count("SELECT current_setting('server_version_num')::integer") >= 170000) {
    sql(
        fmt::format("ALTER DATABASE {0} SET transaction_timeout = '1ms';"
                    "ALTER DATABASE {0} SET idle_session_timeout = '1ms'",
                    value("SELECT current_database()")));
  }
  EXPECT_EQ(run(spec(0)).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(Errors, AReadOnlyRoleIsNamed) {
  create_bookings();
  sql(fmt::format("ALTER DATABASE {} SET default_transaction_read_only = on",
                  value("SELECT current_database()")));
  EXPECT_THAT([&] { run(spec(0)); },
              ThrowsMessage<engine::Refused>(AllOf(HasSubstr("default_transaction_read_only is on"),
                                                   HasSubstr("ALTER ROLE"))));
}

/// The batch's backend ends at a moment that only the server knows, once each.
class ErrorsInside : public Errors, public ::testing::WithParamInterface<const char*> {};

TEST_P(ErrorsInside, ABackendThatEndsInsideABatchCostsNoRowAndCountsNone) {
  create_bookings();
  sql("ALTER TABLE bookings DROP CONSTRAINT positive");
  auto job = spec(0);
  job.run.batch_rows = 100;
  run_until(job, Stage::kExpand);
  sql("CREATE SEQUENCE ended; GRANT ALL ON SEQUENCE ended TO PUBLIC;"
      "CREATE FUNCTION end_once() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF nextval('public.ended') = 3 THEN PERFORM "
      "pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(0); END IF; RETURN NEW; END $$");
  sql(fmt::format("CREATE {} EXECUTE FUNCTION public.end_once()", GetParam()));
  EXPECT_EQ(run_until(job, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_GT(count("SELECT last_value FROM ended"), 3);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 2000);
  EXPECT_EQ(ledger_rows("backfill:items"), 2000);
}

INSTANTIATE_TEST_SUITE_P(
    Moments, ErrorsInside,
    ::testing::Values(
        "TRIGGER t BEFORE UPDATE ON bookings FOR EACH STATEMENT",
        "TRIGGER t AFTER UPDATE ON bookings FOR EACH STATEMENT",
        "TRIGGER t BEFORE UPDATE ON pgbackfill.range FOR EACH ROW",
        "TRIGGER t AFTER UPDATE ON pgbackfill.range FOR EACH ROW",
        "CONSTRAINT TRIGGER t AFTER UPDATE ON pgbackfill.range DEFERRABLE INITIALLY DEFERRED FOR "
        "EACH ROW"));

}  // namespace
}  // namespace pgbackfill::test
