#include "engine/sync_point.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/application.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temp_cluster.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <functional>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;

constexpr const char* kBookings = R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
indexes = [ { name = "ix_bookings_org_team", columns = ["org_id", "team_id"] } ]
)";

/// Jobs while the application works, servers restart and operators change their minds.
class Disturbance : public JobTest {
 protected:
  void create_bookings(int rows) {
    create_organizations();
    write_team_lookup();
    sql("CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer NOT NULL, "
        "note text NOT NULL)");
    sql(
        fmt::format("INSERT INTO bookings SELECT n, n % 20 + 1, repeat('x', 200) FROM "
                    "generate_series(1, {}) AS n",
                    rows));
    sql("CREATE INDEX ix_bookings_note ON bookings (left(note, 5)); ANALYZE bookings");
  }

  RunningProgram start_run(const std::string& sync_point = {}) {
    ProgramOptions options;
    if (!sync_point.empty()) options.environment[engine::kSyncPointVariable] = sync_point;
    return {PGBACKFILL_EXECUTABLE,
            {"run", "-c", file_.string(), "--dsn", dsn(), "--batch-rows", "50", "--passes", "4"},
            options};
  }
  /// Commits what `session` has open once the job has met it; joined by the destructor.
  class Release {
   public:
    Release(const Disturbance& test, sql::Connection& session)
        : thread_([&test, &session] {
            test.wait_for_log("trying again");
            session.execute("COMMIT");
          }) {}
    ~Release() { thread_.join(); }

   private:
    boost::thread thread_;
  };
  std::filesystem::path file_;
};

TEST_F(Disturbance, TheApplicationWritesAllTheWhile) {
  create_bookings(40'000);
  auto spec = job(std::string(kTeamLookup) + kBookings);
  spec.run.batch_rows = 200;
  run_until(spec, Stage::kExpand);
  const auto write = [](sql::Connection& session, int round) {
    // New rows, rows that move elsewhere, rows whose key to the lookup changes, rows that go.
    session.execute(fmt::format(
        "INSERT INTO bookings (booking_id, team_id, note) VALUES ({0}, {1}, 'new');"
        "UPDATE bookings SET note = repeat('y', 300) WHERE booking_id % 400 = {2};"
        "UPDATE bookings SET team_id = team_id % 20 + 1 WHERE booking_id % 400 = {3} "
        "AND org_id IS NULL;"
        "DELETE FROM bookings WHERE booking_id = {4}",
        1'000'000 + round, round % 20 + 1, round % 400, round * 37 % 400, round * 53 % 40'000 + 1));
  };
  Application application(connect(), write);
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  application.end();
  EXPECT_GT(application.rounds(), 20);
  EXPECT_EQ(application.errors(), 0) << application.first_error();
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
}

TEST_F(Disturbance, RowsThatNeverStopChangingAreFilledToo) {
  create_bookings(2000);
  auto spec = job(std::string(kTeamLookup) + kBookings);
  // Read rows are old by the time they are written.
  spec.run.batch_rows = 20;
  run_until(spec, Stage::kExpand);
  const auto write = [](sql::Connection& session, int) {
    session.execute("UPDATE bookings SET note = note WHERE booking_id % 500 = 7");
  };
  Application application(connect(), write);
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  application.end();
  EXPECT_EQ(application.errors(), 0) << application.first_error();
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(Disturbance, RowsThatSlipInAfterTheBackfillAreSwept) {
  create_bookings(500);
  const auto spec = job(std::string(kTeamLookup) + kBookings);
  run_until(spec, Stage::kBackfill);
  sql("SET session_replication_role = replica;"
      "INSERT INTO bookings (booking_id, team_id, note) VALUES (7777, 3, 'bulk load');"
      "SET session_replication_role = origin");
  EXPECT_EQ(count("SELECT count(*) FROM bookings WHERE org_id IS NULL"), 1);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(Disturbance, DdlStepsBackFromALockedTableAndComesAgain) {
  create_bookings(500);
  const auto spec = job(std::string(kTeamLookup) + kBookings);
  auto other = connect();
  other.execute("BEGIN; LOCK TABLE bookings IN ACCESS SHARE MODE");
  const Release release(*this, other);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(Disturbance, BackfillWaitsForALockedTable) {
  create_bookings(2000);
  const auto spec = job(std::string(kTeamLookup) + kBookings);
  run_until(spec, Stage::kExpand);
  auto other = connect();
  other.execute("BEGIN; LOCK TABLE bookings");
  const Release release(*this, other);
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 2000);
}

TEST_F(Disturbance, TerminatedBackendsAreReplaced) {
  create_bookings(40'000);
  auto spec = job(std::string(kTeamLookup) + kBookings);
  spec.run.batch_rows = 100;
  run_until(spec, Stage::kExpand);
  // The job cannot end while a row of it is held.
  auto holder = connect();
  holder.execute("BEGIN; SELECT FROM bookings WHERE booking_id = 40000 FOR UPDATE");
  std::atomic<int> terminated{0};
  Application killer(connect(), [&](sql::Connection& session, int) {
    terminated += static_cast<int>(
        session
            .execute("SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM (SELECT pid "
                     "FROM pg_stat_activity WHERE datname = current_database() AND "
                     "application_name LIKE 'pgbackfill _%er' ORDER BY random() LIMIT 1) AS s")
            .integer(0, 0));
    session.execute("SELECT pg_sleep(0.1)");
  });
  boost::thread release([&] {
    while (terminated < 6) boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    killer.end();
    holder.execute("COMMIT");
  });
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  release.join();
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 40'000);
}

TEST_F(Disturbance, SignalStopsCleanlyAndRunGoesOn) {
  create_bookings(40'000);
  job(std::string(kTeamLookup) + kBookings);
  file_ = write_file("lookup.txt", "").parent_path() / "job.toml";
  for (const int signal : {SIGINT, SIGTERM}) {
    RunningProgram program = start_run("batch-committed:6=stop");
    ASSERT_TRUE(program.wait_until_stopped()) << program.err();
    program.signal(signal);
    program.signal(SIGCONT);
    const auto outcome = program.wait();
    ASSERT_EQ(outcome.exit_code, 4) << outcome.out << outcome.err;
    EXPECT_EQ(count("SELECT count(*) FROM bookings WHERE org_id IS NOT NULL"),
              ledger_rows("backfill:bookings"));
  }
  EXPECT_GT(count("SELECT count(*) FROM bookings WHERE org_id IS NULL"), 0);
  EXPECT_EQ(start_run().wait().exit_code, 0);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 40'000);
}

TEST_F(Disturbance, InterruptedIndexBuildIsRemovedAndDoneAgain) {
  create_bookings(2000);
  const auto spec = job(std::string(kTeamLookup) + kBookings);
  run_until(spec, Stage::kForeignKey);
  sql("INSERT INTO bookings (booking_id, team_id, note, org_id) "
      "SELECT 9000 + n, 1, 'x', '00000000-0000-0000-0000-000000000102' FROM generate_series(1, 2) "
      "n");
  EXPECT_THROW(sql("CREATE UNIQUE INDEX CONCURRENTLY ix_bookings_org_team ON bookings "
                   "(org_id, team_id)"),
               sql::Error);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT indisvalid AND NOT indisunique FROM pg_index WHERE indexrelid = "
                  "'ix_bookings_org_team'::regclass"),
            "t");
}

/// With a server of its own, since it goes down.
TEST_F(Disturbance, ServerCrashLosesNothing) {
  TempCluster cluster;
  sql::ConnectOptions admin;
  admin.dsn = cluster.dsn();
  write_team_lookup();
  {
    sql::Connection session(admin);
    session.execute(
        "CREATE TABLE organizations (org_id uuid PRIMARY KEY);"
        "INSERT INTO organizations SELECT ('00000000-0000-0000-0000-' || lpad((100 + n)::text, 12, "
        "'0'))::uuid FROM generate_series(-99, 5) AS n;"
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, note text);"
        "INSERT INTO bookings SELECT n, n % 20 + 1, repeat('x', 200) FROM "
        "generate_series(1, 60000) AS n; ANALYZE; CHECKPOINT");
  }
  job(std::string(kTeamLookup) + kBookings);
  file_ = write_file("lookup.txt", "").parent_path() / "job.toml";
  const auto pending = [&] {
    return sql::Connection(admin)
        .execute("SELECT count(*) FROM bookings WHERE org_id IS NULL")
        .integer(0, 0);
  };
  std::int64_t before = 60'001;
  for (const char* point : {"batch-committed:30=stop", "batch-sent:40=stop"}) {
    ProgramOptions options;
    options.environment[engine::kSyncPointVariable] = point;
    RunningProgram program(PGBACKFILL_EXECUTABLE,
                           {"run", "-c", file_.string(), "--dsn", cluster.dsn(), "--batch-rows",
                            "50", "--method", "copy", "--until", "backfill"},
                           options);
    ASSERT_TRUE(program.wait_until_stopped()) << program.err();
    cluster.stop_immediate();
    cluster.start();
    EXPECT_GT(pending(), 0);
    EXPECT_LE(pending(), before) << "what was lost was never more than what came since";
    before = pending();
    program.signal(SIGCONT);
    if (point == std::string("batch-committed:30=stop")) {
      // This one is asked to end half-way, so that the second finds something to do.
      program.signal(SIGTERM);
      EXPECT_EQ(program.wait().exit_code, 4);
    } else {
      const auto outcome = program.wait();
      EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    }
  }
  sql::Connection session(admin);
  EXPECT_EQ(session
                .execute("SELECT count(*) FROM bookings WHERE org_id IS DISTINCT FROM " +
                         team_org("team_id"))
                .integer(0, 0),
            0);
  EXPECT_EQ(session.execute("SELECT sum(rows) FROM pgbackfill.range").integer(0, 0), 60'000);
}

}  // namespace
}  // namespace pgbackfill::test
