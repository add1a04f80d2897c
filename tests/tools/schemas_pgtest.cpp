#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/scratch_directory.hpp"
#include "tools/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace pgbackfill::tools {
namespace {

/// What the commands print as JSON against the schemas in tools/schemas.
class SchemasTest : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    std::ofstream(directory_.path() / "teams.csv")
        << "team_id,org_id\n1,00000000-0000-0000-0000-000000000001\n";
    std::ofstream(directory_.path() / "job.toml") << R"toml(version = 1
[run]
user_triggers = "fire"
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000001", name = "Default" }
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }
[[lookup]]
name = "team_orgs"
file = "teams.csv"
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
indexes = [ { name = "ix_bookings_org_state", columns = ["org_id", "state"] } ]
[[table]]
name = "notes"
[[enum]]
type = "user_role"
values = ["worker", "admin"]
map = { user = "worker" }
order = "strict"
)toml";
    sql("CREATE TYPE user_role AS ENUM ('admin', 'user');"
        "CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL);"
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, state text,"
        "  role user_role);"
        "CREATE TABLE notes (note_id integer PRIMARY KEY);"
        "CREATE TABLE besides (id integer);"
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER of_theirs BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION "
        "nothing();"
        "INSERT INTO bookings SELECT g, 1, 'open', 'user' FROM generate_series(1, 300) AS g;"
        "INSERT INTO notes VALUES (1)");
  }

  int command(std::vector<std::string> args) {
    args.insert(args.end(), {"-c", (directory_.path() / "job.toml").string(), "--dsn", dsn()});
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_cli(args, out, err);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  void expect_valid(const std::string& schema, const std::string& text, bool lines = false) {
    const auto document = directory_.path() / "document.json";
    std::ofstream(document) << text;
    const std::filesystem::path source = PGBACKFILL_SOURCE_DIR;
    std::vector<std::string> arguments{
        (source / "tests/tools/check_schema.py").string(),
        (source / "tools/schemas" / (schema + ".schema.json")).string(), document.string()};
    if (lines) arguments.emplace_back("lines");
    const auto outcome = test::run_program("python3", arguments);
    EXPECT_EQ(outcome.exit_code, 0) << schema << ":\n" << outcome.out << outcome.err << text;
  }

  test::ScratchDirectory directory_;
  std::string out_;
  std::string err_;
};

TEST_F(SchemasTest, HoldForAJobFromBeforeItToItsEnd) {
  ASSERT_EQ(command({"plan", "--format", "json"}), kExitDone) << err_;
  expect_valid("plan", out_);
  ASSERT_EQ(command({"status", "--format", "json"}), kExitDone) << err_;
  expect_valid("status", out_);
  ASSERT_EQ(command({"verify", "--format", "json"}), kExitDifferent) << err_;
  expect_valid("verify", out_);

  ASSERT_EQ(command({"run", "--until", "backfill", "--log-format", "json"}), kExitDone) << err_;
  expect_valid("log", err_, true);
  ASSERT_EQ(command({"status", "--format", "json"}), kExitDone) << err_;
  expect_valid("status", out_);

  ASSERT_EQ(command({"run", "--log-format", "json"}), kExitDone) << err_;
  expect_valid("log", err_, true);
  ASSERT_EQ(command({"status", "--watch", "--format", "json"}), kExitDone) << err_;
  expect_valid("status", out_, true);
  ASSERT_EQ(command({"plan", "--format", "json"}), kExitDone) << err_;
  expect_valid("plan", out_);
  ASSERT_EQ(command({"verify", "--isolation", "--format", "json"}), kExitDone) << out_ << err_;
  EXPECT_THAT(out_, ::testing::HasSubstr("besides"));
  expect_valid("verify", out_);
}

}  // namespace
}  // namespace pgbackfill::tools
