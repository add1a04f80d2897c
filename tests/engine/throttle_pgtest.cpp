#include "engine/ledger/ledger.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/application.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using ::testing::HasSubstr;

/// Jobs that find a reason to hold back, and later none.
class Throttled : public JobTest {
 protected:
  static constexpr int kRows = 2000;

  void create_tables() {
    create_organizations();
    write_team_lookup();
    sql(fmt::format(
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, note text);"
        "INSERT INTO bookings SELECT n, n % 20 + 1 FROM generate_series(1, {}) AS n;"
        "CREATE TABLE busy (n integer); ANALYZE",
        kRows));
  }

  planner::JobSpec spec() {
    return job(std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
)");
  }

  /// The job, in a thread of its own.
  void begin(const planner::JobSpec& spec) {
    thread_ = boost::thread([this, spec] {
      try {
        report_ = run(spec);
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
    });
  }
  const engine::RunReport& join() {
    thread_.join();
    return report_;
  }
  void TearDown() override {
    if (thread_.joinable()) {
      stop_.request();
      thread_.join();
    }
    JobTest::TearDown();
  }

  std::int64_t pending() { return count("SELECT count(*) FROM bookings WHERE org_id IS NULL"); }
  std::string shown() { return engine::Ledger(session()).latest_job()->throttle; }
  void wait_until_shown(std::string_view text) {
    while (shown().find(text) == std::string::npos) boost::this_thread::yield();
  }
  std::int64_t events(std::string_view text) {
    return count(
        fmt::format("SELECT count(*) FROM pgbackfill.event WHERE message LIKE '%{}%'", text));
  }
  void expect_finished() {
    EXPECT_EQ(join().outcome, RunOutcome::kDone);
    EXPECT_EQ(wrong_rows(), 0);
    EXPECT_EQ(ledger_rows("backfill:bookings"), kRows);
    EXPECT_EQ(shown(), "");
  }

 private:
  boost::thread thread_;
  engine::RunReport report_;
};

TEST_F(Throttled, AQueryPausesAndLetsGoOn) {
  create_tables();
  auto paused = spec();
  paused.run.throttle_query = "SELECT count(*) FROM busy";
  sql("INSERT INTO busy VALUES (1)");
  begin(paused);
  wait_for_log("paused: throttle_query says 1");
  wait_until_shown("paused: throttle_query says 1");
  EXPECT_EQ(pending(), kRows);
  EXPECT_EQ(count("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                  "'pgbackfill writer' AND state LIKE 'idle in transaction%'"),
            0)
      << "a paused writer keeps no transaction open";
  sql("DELETE FROM busy");
  expect_finished();
  EXPECT_GT(join().throttled, 0);
  EXPECT_EQ(events("paused: throttle_query"), 1);
}

TEST_F(Throttled, AQueryThatFailsOnTheWayPauses) {
  create_tables();
  auto paused = spec();
  paused.run.throttle_query = "SELECT max(n) > 0 FROM busy";
  begin(paused);
  wait_for_log("paused: throttle_query has no answer: it gave no row, or NULL");
  sql("ALTER TABLE busy RENAME TO calm");
  wait_until_shown("relation \"busy\" does not exist");
  sql("ALTER TABLE calm RENAME TO busy; INSERT INTO busy VALUES (0)");
  expect_finished();
}

TEST_F(Throttled, AStopEndsThePauseAndTheNextRunGoesOn) {
  create_tables();
  auto paused = spec();
  paused.run.throttle_query = "SELECT true";
  begin(paused);
  wait_for_log("paused: throttle_query");
  stop_.request();
  EXPECT_EQ(join().outcome, RunOutcome::kStopped);
  EXPECT_EQ(shown(), "");
  EXPECT_EQ(pending(), kRows);
  auto next = spec();
  engine::StopSignal stop;
  EXPECT_EQ(engine::run_job(next, options(next), board_, stop, {}).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(Throttled, ASlotThatRetainsTooMuchPauses) {
  create_tables();
  auto paused = spec();
  paused.run.max_slot_wal = std::int64_t{1} << 20;
  const std::string slot = "throttle_" + database();
  sql("SELECT pg_create_physical_replication_slot('" + slot + "', true)");
  sql("CREATE TABLE filler AS SELECT repeat('x', 500) AS t FROM generate_series(1, 20000)");
  begin(paused);
  wait_for_log("replication slot " + slot + " retains");
  EXPECT_EQ(pending(), kRows);
  sql("SELECT pg_drop_replication_slot('" + slot + "')");
  expect_finished();
}

TEST_F(Throttled, SessionsThatWaitForUsSlowDown) {
  create_tables();
  // Nobody steps back while the others are looked at.
  sql("ALTER DATABASE " + pgbackfill::sql::quote_identifier(database()) +
      " SET deadlock_timeout = '10min'");
  auto slowed = spec();
  slowed.run.lock_timeout = std::chrono::minutes(5);
  // A copied batch has rows in hand when it comes to the one that is held.
  slowed.run.method = planner::MethodChoice::kCopy;
  run_until(slowed, planner::Stage::kExpand);
  auto holder = connect();
  holder.execute("BEGIN; SELECT FROM bookings WHERE booking_id = 1000 FOR UPDATE");
  begin(slowed);
  // Were rows changed before, those that the batch has in hand by then might be others.
  while (count(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE {} = ANY "
                           "(pg_blocking_pids(pid))",
                           holder.backend_pid())) == 0) {
    boost::this_thread::yield();
  }
  Application application(connect(), [](pgbackfill::sql::Connection& session, int round) {
    session.execute("UPDATE bookings SET note = 'new' WHERE booking_id = $1::integer",
                    {std::to_string(round % 999 + 1)});
  });
  wait_for_log("writing slower: 1 session waits for a lock of pgbackfill");
  holder.execute("COMMIT");
  expect_finished();
  application.end();
  EXPECT_EQ(application.errors(), 0) << application.first_error();
}

TEST_F(Throttled, TheDutyCycleLeavesPauses) {
  create_tables();
  auto slow = spec();
  slow.run.duty_cycle = 0.2;
  begin(slow);
  expect_finished();
  EXPECT_GT(join().throttled, 0);
}

TEST_F(Throttled, NoMoreWritersWriteAtOnceThanOnAverage) {
  create_tables();
  sql("CREATE FUNCTION alone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NOT pg_try_advisory_xact_lock(1) THEN RAISE 'two at once'; END IF; "
      "PERFORM pg_sleep(0.0004); RETURN NEW; END $$;"
      "CREATE TRIGGER alone BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION alone()");
  auto shared = spec();
  shared.run.user_triggers = planner::UserTriggers::kFire;
  shared.run.duty_cycle = 0.5;
  shared.run.workers = 2;
  begin(shared);
  expect_finished();
}

TEST_F(Throttled, RowsAreWrittenWithTheWalCompressionAskedFor) {
  create_tables();
  sql("CREATE FUNCTION compressed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF current_setting('wal_compression') = 'off' THEN RAISE 'not compressed'; END IF; "
      "RETURN NEW; END $$;"
      "CREATE TRIGGER compressed BEFORE UPDATE ON bookings "
      "FOR EACH ROW EXECUTE FUNCTION compressed()");
  auto small = spec();
  small.run.user_triggers = planner::UserTriggers::kFire;
  small.run.wal_compression = "on";
  begin(small);
  expect_finished();
}

TEST_F(Throttled, WalOverItsRatePausesAndLetsGoOn) {
  create_tables();
  auto slow = spec();
  slow.run.throttle_query = "SELECT count(*) FROM busy";
  slow.run.max_wal_rate = 4 << 20;
  sql("INSERT INTO busy VALUES (1)");
  begin(slow);
  wait_for_log("paused: throttle_query");
  sql("CREATE TABLE filler AS SELECT repeat('x', 500) AS t FROM generate_series(1, 20000);"
      "DELETE FROM busy");
  wait_for_log("paused: the server writes more WAL than 4.0 MB a second");
  expect_finished();
}

}  // namespace
}  // namespace pgbackfill::test
