#include "tests/support/pg_fixture.hpp"
#include "tests/support/scratch_directory.hpp"
#include "tools/cli.hpp"

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

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

/// The command in this process against a small application.
class CliServerTest : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    write_file("ix_bookings_org_state");
    sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL);"
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, state text);"
        "INSERT INTO bookings SELECT g, 'open' FROM generate_series(1, 1000) AS g");
  }

  void write_file(const std::string& index) {
    std::ofstream(path()) << R"toml(version = 1
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000001", name = "Default" }
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }
[[table]]
name = "bookings"
indexes = [ { name = ")toml"
                          << index << "\", columns = [\"org_id\", \"state\"] } ]\n";
  }

  std::string path() const { return (directory_.path() / "migration.toml").string(); }

  Outcome run(std::vector<std::string> args) {
    args.insert(args.end(), {"--dsn", dsn()});
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_cli(args, out, err);
    return {code, out.str(), err.str()};
  }
  Outcome on_file(const std::string& command, std::vector<std::string> more = {}) {
    std::vector<std::string> args{command, "-c", path()};
    args.insert(args.end(), more.begin(), more.end());
    return run(args);
  }

  test::ScratchDirectory directory_;
};

TEST_F(CliServerTest, StatusWithoutALedgerSaysSo) {
  const Outcome text = run({"status"});
  EXPECT_EQ(text.code, kExitDone) << text.err;
  EXPECT_THAT(text.out, HasSubstr("no job"));
  EXPECT_EQ(nlohmann::json::parse(run({"status", "--format", "json"}).out)["ledger"], false);
}

TEST_F(CliServerTest, PlanChangesNothing) {
  for (const char* format : {"text", "json", "sql"}) {
    const Outcome outcome = on_file("plan", {"--format", format});
    EXPECT_EQ(outcome.code, kExitDone) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("ix_bookings_org_state"));
  }
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
  EXPECT_EQ(value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'bookings'::regclass"
                  " AND attname = 'org_id'"),
            "0");
}

TEST_F(CliServerTest, PlanShowsATableOrSaysWhichOneWasMeant) {
  const Outcome one = on_file("plan", {"--table", "bookings"});
  EXPECT_EQ(one.code, kExitDone) << one.err;
  EXPECT_THAT(one.out, AllOf(HasSubstr("add column org_id uuid"), HasSubstr("bookings"),
                             Not(HasSubstr("insert the row"))));
  const Outcome none = on_file("plan", {"--table", "bokings"});
  EXPECT_EQ(none.code, kExitUsage);
  EXPECT_THAT(none.err, HasSubstr("the plan has no such table, did you mean \"bookings\"?"));
  EXPECT_EQ(none.out, "");
}

TEST_F(CliServerTest, ASampleForThePlanLeavesTheTablesAlone) {
  // The job's value is a constant: without this the rows would not be written.
  sql("ALTER TABLE bookings ADD COLUMN org_id uuid; ANALYZE bookings");
  const std::string before =
      value("SELECT string_agg(xmin::text, ',' ORDER BY ctid) FROM bookings");
  const Outcome outcome = on_file("plan", {"--sample"});
  EXPECT_EQ(outcome.code, kExitDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("time and disk of 1 table from a sample"));
  const auto json = nlohmann::json::parse(on_file("plan", {"--sample", "--format", "json"}).out);
  const auto& tables = json["outlook"];
  const auto bookings = std::find_if(
      tables.begin(), tables.end(), [](const auto& table) { return table["table"] == "bookings"; });
  ASSERT_NE(bookings, tables.end());
  EXPECT_EQ((*bookings)["basis"], "sample");
  EXPECT_GT((*bookings)["seconds"], 0);
  EXPECT_EQ(value("SELECT string_agg(xmin::text, ',' ORDER BY ctid) FROM bookings"), before);
  EXPECT_EQ(value("SELECT count(*) FROM pg_class WHERE relname = 'pgbackfill_sample'"), "0");
}

TEST_F(CliServerTest, VerifyListsBothWaysAndWhatMends) {
  on_file("run");
  sql("CREATE TABLE besides (id integer); ALTER TABLE bookings ALTER org_id DROP NOT NULL");
  const Outcome found = on_file("verify");
  EXPECT_EQ(found.code, kExitDifferent);
  EXPECT_THAT(found.out,
              AllOf(HasSubstr("not-null: is not NOT NULL\n  ALTER TABLE "),
                    HasSubstr("in the database, not in the file\n  1 table has no org_id: "
                              "besides\n")));
  // The statements do what they say.
  const auto json = nlohmann::json::parse(on_file("verify", {"--format", "json"}).out);
  for (const auto& check : json["checks"]) {
    for (const auto& statement : check["mend"]) sql(statement.get<std::string>());
  }
  const Outcome mended = on_file("verify", {"--format", "junit"});
  EXPECT_EQ(mended.code, kExitDone) << mended.out;
  EXPECT_THAT(mended.out, HasSubstr("<system-out>besides is not in the file and has no org_id"));
}

TEST_F(CliServerTest, VerifyBeforeTheJobFindsDifferences) {
  const Outcome outcome = on_file("verify");
  EXPECT_EQ(outcome.code, kExitDifferent) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("FAILED bookings.org_id column"));
}

TEST_F(CliServerTest, AFinishedRunHandsOverToTheApplication) {
  const Outcome half = on_file("run", {"--until", "expand"});
  EXPECT_THAT(half.out, Not(HasSubstr("from now on")));
  const Outcome outcome = on_file("run");
  EXPECT_EQ(outcome.code, kExitDone) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("from now on the application must see to it that\n  INSERT  says "
                              "org_id"),
                    HasSubstr(": bookings\n"), ::testing::EndsWith("done\n")));
}

TEST_F(CliServerTest, VerifyTriesOutTheIsolation) {
  on_file("run");
  const Outcome good = on_file("verify", {"--isolation"});
  EXPECT_EQ(good.code, kExitDone) << good.out;
  EXPECT_THAT(good.out,
              HasSubstr("bookings: an INSERT without an organization is refused; a filter by one "
                        "organization sees nothing of a second one\n"));
  EXPECT_THAT(on_file("verify").out, Not(HasSubstr("isolation")));
  sql("ALTER TABLE bookings ALTER org_id DROP NOT NULL");
  const Outcome leak = on_file("verify", {"--isolation", "--format", "junit"});
  EXPECT_EQ(leak.code, kExitDifferent);
  EXPECT_THAT(leak.out, HasSubstr("name=\"isolation-insert\"><failure"));
}

TEST_F(CliServerTest, NamesThatTheDatabaseDoesNotHaveAreErrorsOfTheFile) {
  sql("DROP TABLE bookings");
  for (const char* command : {"plan", "run"}) {
    const Outcome outcome = on_file(command);
    EXPECT_EQ(outcome.code, kExitUsage) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(path() + ":"), HasSubstr("bookings")));
  }
}

TEST_F(CliServerTest, MissingDatabaseIsAClearError) {
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(run_cli({"status", "--dsn", dsn() + " dbname=nowhere"}, out, err), kExitFailed);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("nowhere"), HasSubstr("check the name of the database")));
}

TEST_F(CliServerTest, RunGoesStageByStageToTheEndAndThenHasNothingToDo) {
  const Outcome half = on_file("run", {"--until", "expand", "--method", "copy"});
  ASSERT_EQ(half.code, kExitDone) << half.err;
  EXPECT_THAT(half.out, HasSubstr("done up to stage expand; next is stage backfill"));

  const Outcome planned = on_file("plan");
  EXPECT_EQ(planned.code, kExitDone) << planned.err;
  EXPECT_THAT(planned.err, HasSubstr("under way"));
  EXPECT_THAT(run({"status"}).out, HasSubstr("not finished"));

  write_file("ix_other");
  const Outcome changed = on_file("plan");
  EXPECT_EQ(changed.code, kExitRefused) << changed.err;
  EXPECT_THAT(changed.err, AllOf(HasSubstr("\n  - "), HasSubstr("\n  + "), HasSubstr("ix_other")));
  EXPECT_EQ(on_file("run").code, kExitRefused);
  write_file("ix_bookings_org_state");

  const Outcome whole = on_file("run");
  ASSERT_EQ(whole.code, kExitDone) << whole.err;
  EXPECT_THAT(whole.out,
              AllOf(HasSubstr("1,000 rows"), HasSubstr("bookings"), HasSubstr("done\n")));

  const Outcome again = on_file("run");
  EXPECT_EQ(again.code, kExitDone) << again.err;
  EXPECT_THAT(again.out, HasSubstr("nothing to do"));

  const Outcome verified = on_file("verify");
  EXPECT_EQ(verified.code, kExitDone) << verified.out << verified.err;
  EXPECT_THAT(verified.out, AllOf(HasSubstr("verify: all "), HasSubstr("1,000 rows")));

  const auto status = nlohmann::json::parse(run({"status", "--format", "json"}).out);
  EXPECT_EQ(status["job"]["state"], "finished");
  EXPECT_EQ(status["tables"][0]["rows"], 1000);
  EXPECT_EQ(status["tables"][0]["percent"], 100.0);
  // A finished job ends the watching at once.
  EXPECT_THAT(run({"status", "--watch"}).out, HasSubstr("finished"));

  sql("ALTER TABLE bookings ALTER org_id DROP NOT NULL");
  const Outcome broken = on_file("verify", {"--format", "junit"});
  EXPECT_EQ(broken.code, kExitDifferent);
  EXPECT_THAT(broken.out, HasSubstr("failures=\"1\""));
}

TEST_F(CliServerTest, AJobOfAnEarlierVersionIsToldOfAndNotTouched) {
  ASSERT_EQ(on_file("run", {"--until", "backfill", "--method", "copy"}).code, kExitDone);
  const auto whole = nlohmann::json::parse(run({"status", "--format", "json"}).out);
  sql("ALTER TABLE pgbackfill.job DROP outline, DROP backup, DROP rollback_to;"
      "UPDATE pgbackfill.job SET format = 4");
  const auto told = nlohmann::json::parse(run({"status", "--format", "json"}).out);
  EXPECT_EQ(told["tables"], whole["tables"]);
  for (const char* command : {"run", "rollback", "plan"}) {
    const Outcome outcome = on_file(command);
    EXPECT_EQ(outcome.code, kExitRefused) << command << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr("the ledger has format 4")) << command;
  }
}

TEST_F(CliServerTest, StatusNamesWhatHoldsTheHorizonBackDuringTheBackfill) {
  auto holder = connect();
  holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
  ASSERT_EQ(on_file("run", {"--until", "expand", "--method", "copy"}).code, kExitDone);
  sql("SELECT pg_sleep(3)");
  const std::string pid = std::to_string(holder.backend_pid());
  EXPECT_THAT(run({"status"}).out,
              HasSubstr("  session " + pid + " (test, user postgres, idle in transaction) since "));
  const auto listed = nlohmann::json::parse(run({"status", "--format", "json"}).out);
  ASSERT_EQ(listed["horizon_holders"].size(), 1U);
  EXPECT_EQ(listed["horizon_holders"][0]["pid"], holder.backend_pid());

  ASSERT_EQ(on_file("run", {"--until", "backfill", "--on-held-horizon", "wait"}).code, kExitDone);
  const auto later = nlohmann::json::parse(run({"status", "--format", "json"}).out);
  EXPECT_TRUE(later["horizon_holders"].empty());
}

TEST_F(CliServerTest, ASecondOperatorIsRefused) {
  // The lock that a run holds for as long as it lives.
  sql("SELECT pg_advisory_lock(x'7067626b66696c6c'::bigint)");
  const Outcome outcome = on_file("run");
  EXPECT_EQ(outcome.code, kExitRefused) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("refused"), HasSubstr("backend ")));
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
}

}  // namespace
}  // namespace pgbackfill::tools
