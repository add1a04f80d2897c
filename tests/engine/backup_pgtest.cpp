#include "tests/engine/job_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/schema_text.hpp"
#include "tools/cli.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace pgbackfill {
namespace {

namespace fs = std::filesystem;
using engine::RunOutcome;
using planner::Stage;
using test::ProgramOutcome;
using test::RunningProgram;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Backup : public test::JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    sql("CREATE TABLE notes (note_id integer PRIMARY KEY); INSERT INTO notes VALUES (1)");
    directory_ = write_file("unused", "").parent_path();
  }

  /// A job whose backup is made by `command`, which must not hold three single quotes in a row.
  planner::JobSpec spec(const std::string& command) {
    return job(
        fmt::format("[[table]]\nname = \"notes\"\n[backup]\ncommand = '''{}'''\n"
                    "directory = \"it's my/backups\"\n",
                    command));
  }

  fs::path backups() const { return directory_ / "it's my/backups"; }
  std::size_t count_backups() const {
    return fs::exists(backups()) ? static_cast<std::size_t>(std::distance(
                                       fs::directory_iterator(backups()), fs::directory_iterator()))
                                 : 0;
  }
  std::string recorded() { return value("SELECT backup FROM pgbackfill.job"); }

  /// What a run that is refused says; nothing may have been changed by it.
  std::string refused(const planner::JobSpec& spec) {
    std::string text;
    try {
      run(spec);
      ADD_FAILURE() << "the run was not refused";
    } catch (const engine::Refused& refused) {
      text = refused.what();
    }
    EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
    EXPECT_EQ(count_backups(), 0U) << "what failed is left there";
    return text;
  }

  std::string command_line(const std::string& command, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{command, "--dsn", dsn()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(tools::run_cli(arguments, out, err), tools::kExitDone) << err.str();
    return out.str();
  }

  fs::path directory_;
};

TEST_F(Backup, IsMadeBeforeAnythingIsWrittenAndCanBeRestored) {
  const fs::path dump = test::find_client("pg_dump");
  const std::string arguments = " -Fd -j2 -f {dir} {dsn}";
  if (dump.empty()) {
    // One that is older than the server makes no backup, and without one no job begins.
    EXPECT_THAT(refused(spec(test::find_any_client("pg_dump").string() + arguments)),
                HasSubstr("server version mismatch"));
    return;
  }
  const auto job = spec(dump.string() + arguments);
  EXPECT_EQ(run(job).outcome, RunOutcome::kDone);
  const fs::path made = recorded();
  EXPECT_EQ(made.parent_path(), backups());
  EXPECT_THAT(made.filename().string(), HasSubstr(database() + "-job-"));
  EXPECT_EQ(fs::status(made).permissions(), fs::perms::owner_all);
  const ProgramOutcome list =
      test::run_program(test::find_client("pg_restore"), {"-l", made.string()});
  EXPECT_THAT(list.out, AllOf(HasSubstr("TABLE public notes"), Not(HasSubstr("pgbackfill"))));
  EXPECT_EQ(nlohmann::json::parse(command_line("status", {"--format", "json"}))["job"]["backup"],
            made.string());
  EXPECT_THAT(command_line("status"), HasSubstr("backup from before it: " + made.string()));
}

TEST_F(Backup, IsNotMadeAgainWhenTheJobGoesOn) {
  const auto job = spec("echo x > {dir}/x");
  run_until(job, Stage::kExpand);
  const std::string made = recorded();
  run(job);
  run(job);
  EXPECT_EQ(count_backups(), 1U);
  EXPECT_EQ(recorded(), made);
}

TEST_F(Backup, IsSpokenOfByPlanWhichMakesNone) {
  spec("echo x > {dir}/x");
  const std::string file = (directory_ / "job.toml").string();
  EXPECT_THAT(command_line("plan", {"-c", file}),
              HasSubstr("first a backup into it's my/backups: echo x > {dir}/x"));
  EXPECT_THAT(command_line("plan", {"-c", file, "--format", "sql"}),
              ::testing::StartsWith("-- first a backup"));
  const auto json = nlohmann::json::parse(command_line("plan", {"-c", file, "--format", "json"}));
  EXPECT_EQ(json["backup"]["directory"], "it's my/backups");
  EXPECT_EQ(count_backups(), 0U);
}

TEST_F(Backup, ThatFailsKeepsTheJobFromBeginning) {
  EXPECT_THAT(refused(spec("echo half > {dir}/x; echo no room >&2; exit 7")),
              AllOf(HasSubstr("exit code 7"), HasSubstr("no room")));
  EXPECT_THAT(refused(spec("kill -KILL $$; echo {dir}")), HasSubstr("signal 9"));
  const std::string many =
      refused(spec("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line$i; done; exit 1; : {dir}"));
  EXPECT_THAT(many, AllOf(HasSubstr("line12"), HasSubstr("line3"), Not(HasSubstr("line2"))));
}

TEST_F(Backup, ThatIsEmptyIsNone) {
  EXPECT_THAT(refused(spec("true {dir}")), HasSubstr("left nothing"));
  EXPECT_THAT(refused(spec("touch {dir}/x")), HasSubstr("left nothing"));
  EXPECT_THAT(refused(spec("rm -r {dir}")), HasSubstr("left nothing"));
}

TEST_F(Backup, CannotBeMadeWhereItsDirectoryIsAFile) {
  write_file("it's my", "a file");
  EXPECT_THAT([&] { run(spec("echo {dir}")); },
              ::testing::ThrowsMessage<engine::Refused>(HasSubstr("cannot create a directory")));
}

TEST_F(Backup, GetsThePasswordWhereNobodySeesIt) {
  const std::string seen = (directory_ / "seen").string();
  auto job =
      spec(fmt::format("printf '%s' {{dsn}} > {0}; cat /proc/$$/cmdline >> {0}; "
                       "echo \"$PGPASSWORD\" > {{dir}}/password; echo {{dsn}} $PGPASSWORD; "
                       "[ ! -e {0}.fail ]",
                       seen));
  auto own = options(job);
  own.dsn += " password='s3cret word'";
  const auto run_own = [&] {
    return engine::run_job(job, own, board_, stop_,
                           [this](auto, std::string_view line) { log_.emplace_back(line); });
  };
  std::ofstream(seen + ".fail") << "x";
  try {
    run_own();
    ADD_FAILURE() << "the run was not refused";
  } catch (const engine::Refused& refused) {
    EXPECT_THAT(refused.what(), AllOf(HasSubstr("***"), Not(HasSubstr("s3cret"))));
  }
  fs::remove(seen + ".fail");
  EXPECT_EQ(run_own().outcome, RunOutcome::kDone);
  EXPECT_THAT(contents(seen), AllOf(HasSubstr("dbname='" + database() + "'"),
                                    HasSubstr("user='postgres'"), Not(HasSubstr("s3cret"))));
  EXPECT_EQ(contents(fs::path(recorded()) / "password"), "s3cret word\n");
  for (const std::string& line : log_) EXPECT_THAT(line, Not(HasSubstr("s3cret")));
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.job AS j WHERE j::text LIKE '%s3cret%'"), 0);
}

TEST_F(Backup, IsEndedByASignalWithAllThatItStarted) {
  const fs::path started = directory_ / "started";
  spec(fmt::format("echo half > {{dir}}/x; sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait",
                   started.string()));
  RunningProgram program(PGBACKFILL_EXECUTABLE,
                         {"run", "-c", (directory_ / "job.toml").string(), "--dsn", dsn()});
  while (!fs::exists(started) && program.running()) {
    boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
  }
  const std::string sleeper = contents(started);
  program.signal(SIGTERM);
  const ProgramOutcome outcome = program.wait();
  EXPECT_EQ(outcome.exit_code, tools::kExitStopped) << outcome.err;
  // It is gone, or a corpse that nobody has buried.
  const fs::path state = fs::path("/proc") / sleeper.substr(0, sleeper.find('\n')) / "stat";
  for (std::string text = contents(state); !text.empty() && text.find(") Z") == std::string::npos;
       text = contents(state)) {
    boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
  }
  EXPECT_EQ(count_backups(), 0U);
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
}

TEST_F(Backup, IsNamedWhenTheJobFails) {
  auto job = spec("echo x > {dir}/x");
  run_until(job, Stage::kExpand);
  // Rows without a value cannot be NOT NULL, and nothing gives them one any more.
  sql("CREATE FUNCTION stays_null() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE EXCEPTION 'no'; END $$;"
      "ALTER TABLE notes ALTER org_id DROP DEFAULT; INSERT INTO notes VALUES (2, NULL);"
      "CREATE TRIGGER stays_null BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION "
      "stays_null()");
  EXPECT_THROW(run(job), std::exception);
  EXPECT_TRUE(logged("restore from " + recorded()));
}

TEST_F(Backup, IsMissedOnceWhereTheFileAsksForNone) {
  const auto plain = job("[[table]]\nname = \"notes\"\n");
  run_until(plain, Stage::kExpand);
  EXPECT_TRUE(logged("there is no [backup]"));
  EXPECT_EQ(recorded(), "NULL");
  log_.clear();
  run(plain);
  EXPECT_FALSE(logged("there is no [backup]"));
}

}  // namespace
}  // namespace pgbackfill
