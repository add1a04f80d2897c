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

  RunningProgram start_run() {
    return {PGBACKFILL_EXECUTABLE,
            {"run", "-c", file_.string(), "--dsn", dsn(), "--batch-rows", "50", "--passes", "4"}};
  }
  /// Commits what `session` has open a while later; joined by the destructor.
  class Release {
   public:
    explicit Release(sql::Connection& session)
        : thread_([&session] {
            boost::this_thread::sleep_for(boost::chrono::milliseconds(1500));
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
  const Release release(other);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_TRUE(std::any_of(log_.begin(), log_.end(), [](const std::string& line) {
    return line.find("trying again") != std::string::npos;
  }));
}

TEST_F(Disturbance, BackfillWaitsForALockedTable) {
  create_bookings(2000);
  const auto spec = job(std::string(kTeamLookup) + kBookings);
  run_until(spec, Stage::kExpand);
  auto other = connect();
  other.execute("BEGIN; LOCK TABLE bookings");
  const Release release(other);
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 2000);
}

TEST_F(Disturbance, TerminatedBackendsAreReplaced) {
  create_bookings(40'000);
  auto spec = job(std::string(kTeamLookup) + kBookings);
  spec.run.batch_rows = 100;
  Application killer(connect(), [](sql::Connection& session, int) {
    session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        "current_database() AND application_name LIKE 'pgbackfill _%er' ORDER BY random() LIMIT 1;"
        "SELECT pg_sleep(0.15)");
  });
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  killer.end();
  EXPECT_GT(killer.rounds(), 2);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), 40'000);
}

TEST_F(Disturbance, SignalStopsCleanlyAndRunGoesOn) {
  create_bookings(40'000);
  job(std::string(kTeamLookup) + kBookings);
  file_ = write_file("lookup.txt", "").parent_path() / "job.toml";
  int stopped = 0;
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::int64_t batches =
        stopped == 0 ? 5 : count("SELECT sum(batches) + 5 FROM pgbackfill.range");
    RunningProgram program = start_run();
    for (int i = 0; i < 2000 && program.running(); ++i) {
      const bool under_way =
          value("SELECT to_regclass('pgbackfill.range') IS NOT NULL") == "t" &&
          count("SELECT coalesce(sum(batches), 0) FROM pgbackfill.range") > batches;
      if (under_way) break;
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
    program.signal(signal);
    const auto outcome = program.wait();
    ASSERT_EQ(outcome.exit_code, 4) << outcome.out << outcome.err;
    ++stopped;
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
  auto spec = job(std::string(kTeamLookup) + kBookings);
  spec.run.batch_rows = 50;
  auto engine_options = options(spec);
  engine_options.dsn = cluster.dsn();
  const auto go_on = [&] {
    return engine::run_job(spec, engine_options, board_, stop_,
                           [](engine::LogLevel, std::string_view) {});
  };
  // A server that goes down while the job is being planned is an error; nothing has begun.
  engine_options.until = Stage::kExpand;
  go_on();
  engine_options.until.reset();
  boost::thread crash([&] {
    for (int times = 0; times < 2; ++times) {
      boost::this_thread::sleep_for(boost::chrono::milliseconds(700));
      cluster.stop_immediate();
      boost::this_thread::sleep_for(boost::chrono::milliseconds(200));
      cluster.start();
    }
  });
  const auto report = go_on();
  crash.join();
  EXPECT_EQ(report.outcome, RunOutcome::kDone);
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
