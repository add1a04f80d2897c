#include "tools/cli.hpp"

#include "tools/connection_advice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace pgbackfill::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// All that a migration file needs besides its version.
constexpr const char* kRest = R"toml(
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }
[[table]]
name = "bookings"
)toml";

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

Outcome run(const std::vector<std::string>& args) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_cli(args, out, err);
  return {code, out.str(), err.str()};
}

/// A migration file in a directory of its own.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "pgbackfill-cli-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string file(const std::string& text) {
    const std::filesystem::path path = directory_ / "migration.toml";
    std::ofstream(path) << text;
    return path.string();
  }

  std::string good_file() { return file(std::string("version = 1\n") + kRest); }

  /// A place where no server listens.
  std::string dead_dsn() const {
    return "host=" + directory_.string() + " port=5432 dbname=shop user=alice password=secret1";
  }

  std::filesystem::path directory_;
};

void expect_usage_error(const std::vector<std::string>& args, const std::string& about) {
  const Outcome outcome = run(args);
  EXPECT_EQ(outcome.code, kExitUsage) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err,
              AllOf(StartsWith("pgbackfill: "), HasSubstr(about), HasSubstr("--help")));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

TEST_F(CliTest, HelpAndVersionGoToStandardOutput) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.code, kExitDone);
  EXPECT_EQ(help.err, "");
  for (const char* name : {"plan", "run", "status", "verify", "pause", "resume", "stop", "set"}) {
    EXPECT_THAT(help.out, HasSubstr("\n  " + std::string(name)));
  }
  const Outcome version = run({"--version"});
  EXPECT_EQ(version.code, kExitDone);
  EXPECT_THAT(version.out, ::testing::MatchesRegex("pgbackfill [0-9.]+\n"));
}

TEST_F(CliTest, HelpOfRunNamesEveryRunKey) {
  const Outcome help = run({"run", "--help"});
  EXPECT_EQ(help.code, kExitDone);
  for (const char* flag : {"--config", "--dsn", "--until", "--workers", "--ddl-workers", "--method",
                           "--order", "--online", "--batch-time", "--batch-rows", "--passes",
                           "--lock-timeout", "--on-held-horizon"}) {
    EXPECT_THAT(help.out, HasSubstr(flag));
  }
}

TEST_F(CliTest, UsageErrorsAreOneLineAndExitTwo) {
  const std::string good = good_file();
  expect_usage_error({}, "subcommand");
  expect_usage_error({"migrate"}, "migrate");
  expect_usage_error({"run"}, "--config");
  expect_usage_error({"plan"}, "--config");
  expect_usage_error({"verify"}, "--config");
  expect_usage_error({"plan", "-c", good, "--format", "junit"}, "--format");
  expect_usage_error({"verify", "-c", good, "--format", "sql"}, "--format");
  expect_usage_error({"status", "--format", "xml"}, "--format");
  expect_usage_error({"run", "-c", good, "--until", "indexes"}, "--until");
  expect_usage_error({"run", "-c", good, "--workers", "0"}, "--workers");
  expect_usage_error({"run", "-c", good, "--workers", "257"}, "--workers");
  expect_usage_error({"run", "-c", good, "--workers", "many"}, "--workers");
  expect_usage_error({"run", "-c", good, "--ddl-workers", "0"}, "--ddl-workers");
  expect_usage_error({"run", "-c", good, "--ddl-workers", "65"}, "--ddl-workers");
  expect_usage_error({"run", "-c", good, "--method", "rewrite"}, "--method");
  expect_usage_error({"run", "-c", good, "--order", "random"}, "--order");
  expect_usage_error({"run", "-c", good, "--online", "maybe"}, "--online");
  expect_usage_error({"run", "-c", good, "--batch-time", "250"}, "--batch-time");
  expect_usage_error({"run", "-c", good, "--batch-rows", "-1"}, "--batch-rows");
  expect_usage_error({"run", "-c", good, "--lock-timeout", "0s"}, "--lock-timeout");
  expect_usage_error({"run", "-c", good, "--on-held-horizon", "stop"}, "--on-held-horizon");
  expect_usage_error({"run", "-c", good, "extra"}, "extra");
  expect_usage_error({"run", "-c", good, "--dsn"}, "--dsn");
}

TEST_F(CliTest, UsageErrorsNameTheNearestWord) {
  const std::string good = good_file();
  expect_usage_error({"statsu"}, "there is no subcommand \"statsu\", did you mean \"status\"?");
  expect_usage_error({"export", "alembik"},
                     "there is no subcommand \"alembik\", did you mean \"alembic\"?");
  expect_usage_error({"export"}, "a subcommand is missing: one of alembic");
  expect_usage_error({"--verson"}, "there is no option \"--verson\", did you mean \"--version\"?");
  expect_usage_error({"run", "--confg", good},
                     "there is no option \"--confg\", did you mean \"--config\"?");
  expect_usage_error({"run", "-c", good, "--wrokers=3"},
                     "there is no option \"--wrokers\", did you mean \"--workers\"?");
  expect_usage_error({"run", "-c", good, "--batch-tiem", "1s"}, "did you mean \"--batch-time\"?");
  expect_usage_error({"status", "--wacth"}, "did you mean \"--watch\"?");
  expect_usage_error({"--dsn", "x", "status"}, "--dsn belongs behind the subcommand");
  // Nothing is near, so that nothing is proposed.
  expect_usage_error({"status", "--zebra"}, "there is no option \"--zebra\" (see");
  expect_usage_error(
      {"plan", "-c", good, "--format", "jsn"},
      "--format: must be one of text, json, sql, not \"jsn\", did you mean \"json\"?");
  expect_usage_error({"run", "-c", good, "--until", "enfroce"}, "did you mean \"enforce\"?");
  expect_usage_error({"run", "-c", good, "--method", "updat"},
                     "--method: must be one of auto, copy, update, catalog, not \"updat\", did you "
                     "mean \"update\"?");
  expect_usage_error({"run", "-c", good, "--accept", "function-bodie"},
                     "did you mean \"function-bodies\"?");
}

TEST_F(CliTest, TheLogOfARunCanBeJsonLines) {
  const Outcome outcome =
      run({"run", "-c", good_file(), "--dsn", dead_dsn(), "--log-format", "json"});
  EXPECT_EQ(outcome.code, kExitFailed);
  const auto line = nlohmann::json::parse(outcome.err);
  EXPECT_EQ(line["level"], "error");
  EXPECT_THAT(line["message"].get<std::string>(), StartsWith("pgbackfill: cannot connect"));
  EXPECT_THAT(line["time"].get<std::string>(),
              ::testing::MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9]+Z"));
  expect_usage_error({"run", "-c", good_file(), "--log-format", "xml"}, "--log-format");
}

TEST_F(CliTest, SettingsOfALiveRunAreCheckedBeforeConnecting) {
  expect_usage_error({"set"}, "setting");
  expect_usage_error({"set", "workers"}, "write KEY=VALUE, not \"workers\"");
  expect_usage_error({"set", "workers=0"}, "\"workers\" must be from 1 to 256, not \"0\"");
  expect_usage_error({"set", "workers=2", "batch_time=250"}, "\"batch_time\" must be a duration");
  expect_usage_error({"set", "wokers=2"},
                     "there is no setting \"wokers\", did you mean \"workers\"?");
  expect_usage_error({"set", "method=copy"}, "only the next run can have another \"method\"");
  expect_usage_error({"pause", "now"}, "now");
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"pause"}, {"resume"}, {"stop"}, {"set", "duty_cycle=0.5"}}) {
    std::vector<std::string> with_dsn = args;
    with_dsn.insert(with_dsn.end(), {"--dsn", dead_dsn()});
    EXPECT_EQ(run(with_dsn).code, kExitFailed);
  }
}

TEST_F(CliTest, DefectsOfTheMigrationFileAreAllReportedBeforeConnecting) {
  const std::string path = file("version = 1\nworkrs = 3\n[run]\nworkers = \"four\"\n");
  for (const char* command : {"plan", "run", "verify", "status"}) {
    const Outcome outcome = run({command, "-c", path, "--dsn", dead_dsn()});
    EXPECT_EQ(outcome.code, kExitUsage) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(path + ":2:"), HasSubstr("workrs")));
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(path + ":4:"), HasSubstr("workers")));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_F(CliTest, MissingMigrationFile) {
  const Outcome outcome = run({"plan", "-c", (directory_ / "none.toml").string()});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("none.toml"));
}

TEST_F(CliTest, ServerDownIsOneLineThatNamesTheTargetAndNoPassword) {
  const std::string path = good_file();
  for (const std::vector<std::string>& args : {std::vector<std::string>{"plan", "-c", path},
                                               {"run", "-c", path},
                                               {"verify", "-c", path},
                                               {"status"}}) {
    std::vector<std::string> with_dsn = args;
    with_dsn.insert(with_dsn.end(), {"--dsn", dead_dsn()});
    const Outcome outcome = run(with_dsn);
    EXPECT_EQ(outcome.code, kExitFailed) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("cannot connect"), HasSubstr("database shop"),
                                   HasSubstr("user alice"), HasSubstr(directory_.string()),
                                   HasSubstr("server is running"), Not(HasSubstr("secret1"))));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST_F(CliTest, TheFlagOverridesTheDsnOfTheFile) {
  const std::string path = file("version = 1\n[database]\ndsn = \"host=" + directory_.string() +
                                "/file dbname=fromfile user=u\"\n" + kRest);
  EXPECT_THAT(run({"plan", "-c", path}).err, HasSubstr("fromfile"));
  EXPECT_THAT(run({"status", "-c", path}).err, HasSubstr("fromfile"));
  EXPECT_THAT(run({"plan", "-c", path, "--dsn", dead_dsn()}).err,
              AllOf(HasSubstr("shop"), Not(HasSubstr("fromfile"))));
}

TEST_F(CliTest, TargetsAreDescribedWithoutPasswords) {
  EXPECT_EQ(describe_target("postgresql://bob:pw@db.example:6543/shop"),
            "database shop on db.example port 6543 as user bob");
  EXPECT_EQ(describe_target("host=h port=1 dbname=d user=u password='p w'"),
            "database d on h port 1 as user u");
  EXPECT_THAT(describe_target("shop"), HasSubstr("database shop on "));
  // The password's own '@' makes its end part of the host.
  EXPECT_THAT(describe_target("postgresql://bob:p@ss@db.example/shop"), Not(HasSubstr("ss@")));
  EXPECT_EQ(describe_target("postgresql://bob:p%ss@db.example/shop"), "");
}

}  // namespace
}  // namespace pgbackfill::tools
