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

constexpr int kRows = 4000;

/// Runs that operators control from other processes. While table busy has a row, their writers
/// hold back by themselves, so that nothing is over before a test gets to it.
class Control : public JobTest {
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
        "CREATE TABLE busy (n integer); INSERT INTO busy VALUES (1); ANALYZE",
        kRows));
    job(std::string(kTeamLookup) +
        "[[table]]\nname = \"bookings\"\nvalue = { lookup = \"team_orgs\", key = \"team_id\" }\n");
    file_ = (write_file("unused", "").parent_path() / "job.toml").string();
  }

  /// By one writer in small batches, or by `writers`.
  Program start(const std::vector<std::string>& more = {},
                const std::vector<std::string>& writers = {"--workers", "1", "--batch-rows",
                                                           "50"}) {
    std::vector<std::string> arguments{"run",
                                       "-c",
                                       file_,
                                       "--dsn",
                                       dsn(),
                                       "--passes",
                                       "1",
                                       "--throttle-query",
                                       "SELECT count(*) FROM busy"};
    arguments.insert(arguments.end(), writers.begin(), writers.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<RunningProgram>(PGBACKFILL_EXECUTABLE, arguments);
  }
  /// One whose writers hold back.
  Program held_back(const std::vector<std::string>& more = {}) {
    Program program = start(more);
    EXPECT_TRUE(says(program, "paused: throttle_query says 1")) << program->err();
    return program;
  }
  ProgramOutcome ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--dsn", dsn()});
    return run_program(PGBACKFILL_EXECUTABLE, arguments);
  }
  void expect_taken(const std::vector<std::string>& arguments, const std::string& text) {
    const auto outcome = ask(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, AllOf(HasSubstr(text), Not(HasSubstr("not obeyed"))));
  }
  void expect_no_run(const std::string& command) {
    const auto outcome = ask({command});
    EXPECT_EQ(outcome.exit_code, 3) << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr("run"));
  }
  void let_go() { sql("DELETE FROM busy"); }

  static bool eventually(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < give_up) {
      if (condition()) return true;
      boost::this_thread::sleep_for(boost::chrono::milliseconds(10));
    }
    return false;
  }
  static bool says(const Program& program, std::string_view text) {
    return eventually([&] { return program->err().find(text) != std::string::npos; });
  }
  bool writers_become(int number) {
    return eventually([&] {
      return count(
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                 "AND application_name = 'pgbackfill writer'") == number;
    });
  }
  std::int64_t pending() { return count("SELECT count(*) FROM bookings WHERE org_id IS NULL"); }
  std::int64_t events(std::string_view text) {
    return count(
        fmt::format("SELECT count(*) FROM pgbackfill.event WHERE message LIKE '{}%'", text));
  }
  void end(const Program& program, int exit_code) {
    const auto outcome = program->wait();
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out << outcome.err;
  }
  void expect_each_row_right_and_counted_once() {
    EXPECT_EQ(wrong_rows(), 0);
    EXPECT_EQ(ledger_rows("backfill:bookings"), kRows);
    EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.range WHERE state <> 'done'"), 0);
  }

  std::string file_;
};

TEST_F(Control, APausedRunWritesNothingUntilItIsResumed) {
  const Program run = held_back();
  expect_taken({"pause", "-c", file_}, "job 1 paused");
  let_go();
  // From here on nothing but the operator holds it back.
  ASSERT_TRUE(eventually([&] { return value("SELECT throttle FROM pgbackfill.job") == "NULL"; }));
  EXPECT_EQ(pending(), kRows);
  EXPECT_THAT(run->err(), HasSubstr("paused by postgres at "));
  EXPECT_THAT(ask({"status"}).out, HasSubstr("\npaused by postgres at "));
  EXPECT_THAT(ask({"status", "--format", "json"}).out,
              HasSubstr("\"paused\": {\n    \"by\": \"postgres\""));
  EXPECT_EQ(events("paused by postgres at % from "), 1);
  expect_taken({"resume"}, "job 1 goes on");
  end(run, 0);
  EXPECT_EQ(events("resumed by postgres at % from "), 1);
  expect_each_row_right_and_counted_once();
  expect_no_run("pause");
}

TEST_F(Control, APauseOutlivesItsRunAndAStopEndsIt) {
  expect_no_run("stop");
  const Program first = held_back();
  expect_taken({"pause"}, "paused");
  expect_taken({"stop"}, "stops");
  end(first, 4);
  EXPECT_THAT(first->err(), HasSubstr("stopped by postgres at "));
  expect_no_run("pause");
  expect_no_run("stop");

  let_go();
  const Program second = start();
  EXPECT_TRUE(says(second, "paused by postgres at ")) << second->err();
  EXPECT_EQ(pending(), kRows);
  expect_taken({"resume"}, "goes on");
  end(second, 0);
  expect_each_row_right_and_counted_once();
}

TEST_F(Control, StepsThatHaveNotBegunWait) {
  let_go();
  end(start({"--until", "foreign-key"}), 0);
  sql("INSERT INTO pgbackfill.control (job_id, host, action) VALUES (1, 'there', 'pause')");
  const Program run = start();
  EXPECT_TRUE(says(run, "paused by postgres at ")) << run->err();
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.step WHERE stage = 'index' "
                  "AND state <> 'pending'"),
            0);
  expect_taken({"resume"}, "goes on");
  end(run, 0);
  EXPECT_EQ(value("SELECT to_regclass('ix_bookings_org_id') IS NOT NULL"), "t");
}

TEST_F(Control, WritersComeAndGo) {
  const Program run = held_back();
  EXPECT_TRUE(writers_become(1));
  expect_taken({"set", "workers=4", "batch_rows=40"}, "workers = 4, batch_rows = 40");
  EXPECT_TRUE(writers_become(4)) << run->err();
  EXPECT_THAT(ask({"status"}).out,
              AllOf(HasSubstr("workers = 4 set by postgres"), HasSubstr("batch_rows = 40 set by")));
  expect_taken({"set", "workers=2"}, "workers = 2");
  EXPECT_TRUE(writers_become(2)) << run->err();
  EXPECT_THAT(ask({"status", "--format", "json"}).out, HasSubstr("\"value\": \"2\""));
  let_go();
  end(run, 0);
  expect_each_row_right_and_counted_once();
  EXPECT_GE(count("SELECT sum(batches) FROM pgbackfill.range"), kRows / 40);
}

TEST_F(Control, WritersGoInTheMidstOfTheirRanges) {
  let_go();
  const Program run = start({}, {"--workers", "4", "--batch-rows", "10", "--duty-cycle", "0.01"});
  const auto written = [&](std::int64_t rows) {
    return eventually([&] {
      return value("SELECT to_regclass('pgbackfill.range')") != "NULL" &&
             ledger_rows("backfill:bookings") >= rows;
    });
  };
  ASSERT_TRUE(written(30)) << run->err();
  expect_taken({"set", "workers=1"}, "workers = 1");
  EXPECT_TRUE(writers_become(1)) << run->err();
  expect_taken({"set", "workers=3", "duty_cycle=1"}, "duty_cycle = 1");
  end(run, 0);
  expect_each_row_right_and_counted_once();
}

TEST_F(Control, APauseCanBeTakenBackBetweenTwoRunsAndWhatWasSetIsGone) {
  const Program first = held_back();
  expect_taken({"set", "workers=3"}, "until the run ends");
  expect_taken({"pause"}, "paused");
  expect_taken({"stop"}, "stops");
  end(first, 4);
  expect_taken({"resume"}, "no longer paused");
  expect_no_run("resume");
  const Program second = held_back();
  EXPECT_THAT(ask({"status", "--format", "json"}).out, HasSubstr("\"settings\": []"));
  EXPECT_TRUE(writers_become(1));
  let_go();
  end(second, 0);
  expect_each_row_right_and_counted_once();
}

TEST_F(Control, HelpersObeyToo) {
  const Program coordinator = held_back();
  const Program helper = held_back({"--join"});
  expect_taken({"pause"}, "paused");
  EXPECT_THAT(coordinator->err(), HasSubstr("paused by postgres"));
  EXPECT_THAT(helper->err(), HasSubstr("paused by postgres"));
  expect_taken({"stop"}, "stops");
  end(coordinator, 4);
  end(helper, 4);
}

TEST_F(Control, ARunThatDoesNotAnswerIsNamed) {
  const Program run = held_back();
  run->signal(SIGSTOP);
  ASSERT_TRUE(run->wait_until_stopped());
  const auto outcome = ask({"stop"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("has not obeyed yet: coordinator on "),
                                 HasSubstr(fmt::format("(pid {})", run->pid()))));
  run->signal(SIGCONT);
  end(run, 4);
}

}  // namespace
}  // namespace pgbackfill::test
