#include "engine/ledger/ledger.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "engine/sync_point.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/run_program.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// A lease that no test outlives, and one that runs out while a test waits for it.
constexpr int kLong = 600'000;
constexpr int kShort = 1000;

constexpr const char* kTables = R"(
[[lookup]]
name = "team_orgs"
file = "team_orgs.csv"
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
)";

class Join : public JobTest {
 protected:
  using Program = std::unique_ptr<RunningProgram>;

  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    write_team_lookup();
    sql(fmt::format(
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer NOT NULL, "
        "note text NOT NULL);"
        "INSERT INTO bookings SELECT n, n % 20 + 1, repeat('x', 200) FROM generate_series(1, {}) n;"
        "ANALYZE bookings",
        rows()));
    job(kTables);
    file_ = (write_file("unused", "").parent_path() / "job.toml").string();
  }

  /// Enough for several ranges: of blocks, or before version 14 of keys.
  int rows() { return session().server_version() >= 140000 ? 4000 : 12'000; }

  /// `run` by one writer in small batches, as many ranges as that gives.
  Program start(int lease, const std::string& sync_point,
                const std::vector<std::string>& more = {}) {
    ProgramOptions options;
    options.environment["PGBACKFILL_LEASE_MS"] = std::to_string(lease);
    if (!sync_point.empty()) options.environment[engine::kSyncPointVariable] = sync_point;
    std::vector<std::string> arguments{"run", "-c",           file_, "--dsn",    dsn(), "--workers",
                                       "1",   "--batch-rows", "50",  "--passes", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<RunningProgram>(PGBACKFILL_EXECUTABLE, arguments, options);
  }
  Program helper(int lease, const std::string& sync_point = {},
                 std::vector<std::string> more = {}) {
    more.insert(more.begin(), "--join");
    return start(lease, sync_point, more);
  }
  /// A coordinator that holds one range and stands still, its lease not running out.
  Program stopped_coordinator(const std::vector<std::string>& more = {"--until", "backfill"}) {
    Program program = start(kLong, "window-read=stop", more);
    EXPECT_TRUE(program->wait_until_stopped()) << program->err();
    EXPECT_GE(undone(), 4) << "ranges to share";
    return program;
  }

  static bool eventually(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < give_up) {
      if (condition()) return true;
      boost::this_thread::sleep_for(boost::chrono::milliseconds(10));
    }
    return false;
  }
  bool says(const Program& program, std::string_view text) {
    return eventually([&] { return program->err().find(text) != std::string::npos; });
  }
  std::int64_t done() {
    return count("SELECT count(*) FROM pgbackfill.range WHERE state = 'done'");
  }
  std::int64_t undone() {
    return count("SELECT count(*) FROM pgbackfill.range WHERE state <> 'done'");
  }
  /// Ranges of the processes of that role.
  std::int64_t ranges_of(std::string_view role, std::string_view condition = "true") {
    return count(
        fmt::format("SELECT count(*) FROM pgbackfill.range AS r JOIN pgbackfill.process AS p "
                    "ON p.process_id = r.owner WHERE p.role = '{}' AND {}",
                    role, condition));
  }
  bool joined() {
    return eventually(
        [&] { return count("SELECT count(*) FROM pgbackfill.process WHERE role = 'helper'") > 0; });
  }
  ProgramOutcome status(const std::string& format) {
    return run_program(PGBACKFILL_EXECUTABLE, {"status", "--dsn", dsn(), "--format", format});
  }
  void end(const Program& program, int exit_code) {
    const auto outcome = program->wait();
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out << outcome.err;
  }
  void resume_and_end(const Program& program, int exit_code = 0) {
    program->signal(SIGCONT);
    end(program, exit_code);
  }
  void expect_each_row_right_and_counted_once() {
    EXPECT_EQ(wrong_rows(), 0);
    EXPECT_EQ(ledger_rows("backfill:bookings"), rows());
    EXPECT_EQ(undone(), 0);
  }

  std::string file_;
};

TEST_F(Join, TwoProcessesShareATable) {
  const Program first = stopped_coordinator();
  const Program second = helper(kLong);
  ASSERT_TRUE(eventually([&] { return undone() == 1; })) << second->err();
  EXPECT_THAT(status("text").out,
              AllOf(HasSubstr("processes\n  coordinator on "),
                    HasSubstr(fmt::format("(pid {})", first->pid())), HasSubstr("holds 1 range\n"),
                    HasSubstr(fmt::format("(pid {})", second->pid())), HasSubstr("\n  helper on "),
                    HasSubstr("holds 0 ranges")));
  EXPECT_THAT(status("json").out,
              AllOf(HasSubstr("\"role\": \"helper\""), HasSubstr("\"heartbeat_seconds_ago\"")));
  first->signal(SIGCONT);
  const auto summary = first->wait();
  EXPECT_EQ(summary.exit_code, 0) << summary.err;
  EXPECT_THAT(summary.out, HasSubstr(fmt::format("job 1: {},000 rows", rows() / 1000)));
  const auto helped = second->wait();
  EXPECT_EQ(helped.exit_code, 0) << helped.err;
  EXPECT_THAT(helped.out, HasSubstr("the backfill of job 1 is over; this helper wrote"));
  expect_each_row_right_and_counted_once();
  EXPECT_EQ(ranges_of("coordinator"), 1);
  EXPECT_GE(ranges_of("helper"), 3);
  EXPECT_EQ(value("SELECT string_agg(state, ',') FROM pgbackfill.process"), "ended,ended");
}

TEST_F(Join, RangesOfAKilledHelperAreTakenOver) {
  const Program first = stopped_coordinator({"--until", "backfill", "--method", "copy"});
  const Program second = helper(kShort, "batch-in-copy:3=kill");
  EXPECT_EQ(second->wait().signal, SIGKILL);
  ASSERT_GE(ranges_of("helper", "r.state <> 'done'"), 1);
  resume_and_end(first);
  expect_each_row_right_and_counted_once();
  EXPECT_THAT(status("json").out, HasSubstr("\"state\": \"gone\""));
}

TEST_F(Join, AHelperTakesTheKilledCoordinatorsPlace) {
  // Whoever works on it, the job cannot end while somebody holds a row.
  auto holder = connect();
  holder.execute("BEGIN; SELECT FROM bookings WHERE booking_id = 2000 FOR UPDATE");
  const Program first = start(kShort, "");
  ASSERT_TRUE(eventually([&] {
    return value("SELECT to_regclass('pgbackfill.process')") != "NULL" &&
           count("SELECT count(*) FROM pgbackfill.process") > 0;
  })) << first->err();
  const Program second = helper(kShort, "", {"--promote"});
  ASSERT_TRUE(joined()) << second->err();
  EXPECT_TRUE(first->running());
  first->signal(SIGKILL);
  first->wait();
  EXPECT_TRUE(says(second, "becoming it")) << second->err();
  holder.execute("COMMIT");
  const auto outcome = second->wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("done\n"));
  expect_each_row_right_and_counted_once();
  EXPECT_EQ(value("SELECT state FROM pgbackfill.job"), "finished");
}

TEST_F(Join, TheNextRunGoesOnBesideALivingHelper) {
  const Program first = stopped_coordinator();
  const Program second = helper(kLong, "batch-committed:3=stop");
  ASSERT_TRUE(second->wait_until_stopped()) << second->err();
  first->signal(SIGKILL);
  first->wait();
  const Program third = start(kLong, "");
  // The helper's range is left alone, and waited for.
  const std::int64_t held = ranges_of("helper", "r.state <> 'done'");
  ASSERT_GE(held, 1);
  ASSERT_TRUE(eventually([&] {
    return undone() == held && ranges_of("helper", "r.state <> 'done'") == held;
  })) << third->err();
  EXPECT_TRUE(third->running());
  EXPECT_EQ(value("SELECT string_agg(role || ' ' || state, ', ' ORDER BY process_id) "
                  "FROM pgbackfill.process"),
            "coordinator gone, helper active, coordinator active");
  resume_and_end(second);
  end(third, 0);
  expect_each_row_right_and_counted_once();
}

TEST_F(Join, AHelperThatStoodStillIsReplacedAndWritesNothingLater) {
  const Program first = stopped_coordinator({"--until", "backfill", "--method", "copy"});
  const Program second = helper(kShort, "batch-in-copy=stop");
  ASSERT_TRUE(second->wait_until_stopped()) << second->err();
  resume_and_end(first);
  expect_each_row_right_and_counted_once();
  const std::string state =
      "SELECT (SELECT sum(batches) FROM pgbackfill.range) || ' ' || "
      "md5(string_agg(xmin::text, ',' ORDER BY booking_id)) FROM bookings";
  const std::string before = value(state);
  resume_and_end(second);
  EXPECT_EQ(value(state), before);
}

/// Where a helper stands still, and how it writes.
class JoinFence : public Join, public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(JoinFence, WithoutItsLeaseAHelperWritesNothing) {
  const std::vector<std::string> method{"--until", "backfill", "--method", GetParam()[0]};
  const Program first = stopped_coordinator(method);
  const Program second = helper(kLong, GetParam()[1] + "=stop", method);
  ASSERT_TRUE(second->wait_until_stopped()) << second->err();
  sql("UPDATE pgbackfill.range SET owner = -1, lease = now() + interval '1 day'");
  second->signal(SIGCONT);
  EXPECT_TRUE(says(second, "a range of ours was taken over by another process")) << second->err();
  EXPECT_EQ(count("SELECT count(*) FROM bookings WHERE org_id IS NOT NULL"), 0);
  EXPECT_EQ(count("SELECT sum(rows) + sum(batches) FROM pgbackfill.range"), 0);
  sql("UPDATE pgbackfill.range SET owner = NULL, lease = NULL");
  resume_and_end(first);
  end(second, 0);
  expect_each_row_right_and_counted_once();
}

INSTANTIATE_TEST_SUITE_P(Methods, JoinFence,
                         ::testing::Values(std::vector<std::string>{"copy", "batch-before-copy"},
                                           std::vector<std::string>{"copy", "batch-in-copy"},
                                           std::vector<std::string>{"update",
                                                                    "batch-before-copy"}));

TEST_F(Join, AHelperOutlastsALockedTableAndLostLinks) {
  const Program first = stopped_coordinator();
  auto holder = connect();
  holder.execute("BEGIN; LOCK TABLE bookings");
  const Program second = helper(kLong);
  EXPECT_TRUE(says(second, "lock timeout")) << second->err();
  EXPECT_GT(
      count(fmt::format("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND application_name LIKE "
                        "'pgbackfill%' AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = "
                        "'advisory')")),
      2);
  holder.execute("COMMIT");
  EXPECT_TRUE(eventually([&] { return undone() == 1; })) << second->err();
  resume_and_end(first);
  end(second, 0);
  expect_each_row_right_and_counted_once();
}

TEST_F(Join, AStoppedHelperLeavesItsRangesToTheOthers) {
  const Program first = stopped_coordinator();
  const Program second = helper(kLong, "batch-committed:3=stop");
  ASSERT_TRUE(second->wait_until_stopped()) << second->err();
  second->signal(SIGTERM);
  resume_and_end(second, 4);
  EXPECT_EQ(ranges_of("helper", "r.state <> 'done'"), 0);
  resume_and_end(first);
  expect_each_row_right_and_counted_once();
}

TEST_F(Join, AnotherFileIsRefused) {
  const Program first = stopped_coordinator();
  write_file("job.toml", "");
  job(std::string(kTables) + "indexes = [ { name = \"ix_more\", columns = [\"org_id\"] } ]\n");
  const auto outcome = helper(kLong)->wait();
  EXPECT_EQ(outcome.exit_code, 3) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("What differs:"), HasSubstr("ix_more")));
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.process"), 1);
  job(kTables);
  resume_and_end(first);
}

TEST_F(Join, WithoutAJobThereIsNothingToJoin) {
  auto outcome = helper(kLong)->wait();
  EXPECT_EQ(outcome.exit_code, 3) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr("there is no job to join: no run has been started"));
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill')"), "NULL");

  end(start(kLong, "", {"--until", "expand"}), 0);
  outcome = helper(kLong)->wait();
  EXPECT_EQ(outcome.exit_code, 3) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr("nobody coordinates job 1 at the moment"));

  outcome = helper(kLong, "", {"--promote"})->wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  expect_each_row_right_and_counted_once();

  outcome = helper(kLong)->wait();
  EXPECT_EQ(outcome.exit_code, 3) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr("job 1 is finished"));
  EXPECT_EQ(start(kLong, "", {"--promote"})->wait().exit_code, 2);
}

/// A run whose link was lost, and that finds another in its seat, says goodbye like any other.
TEST_F(Join, OneWhoseSeatIsTakenClosesNothingOfItsSuccessor) {
  run_until(job(kTables), planner::Stage::kExpand);
  engine::Ledger ledger(session());
  const int job_id = ledger.latest_job()->job_id;
  engine::ProcessLedger processes(session(), job_id);
  const std::chrono::milliseconds lease(kLong);
  const auto first = processes.enter("coordinator", lease);
  processes.coordinate(first);
  const auto second = processes.enter("coordinator", lease);
  processes.coordinate(second);
  processes.open_round({"backfill:bookings", 0, false, 10});
  ASSERT_THAT(processes.open_rounds(), ::testing::SizeIs(1));
  processes.leave(first);
  EXPECT_THAT(processes.open_rounds(), ::testing::SizeIs(1));
  const auto helper = processes.enter("helper", lease);
  processes.leave(helper);
  EXPECT_THAT(processes.open_rounds(), ::testing::SizeIs(1));
  processes.leave(second);
  EXPECT_THAT(processes.open_rounds(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace pgbackfill::test
