#include "engine/sync_point.hpp"
#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/schema_text.hpp"
#include "tests/support/scratch_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// A database that knows nothing of the project, taken the whole way by the commands of README's
/// first steps.
class Walk : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql(read(PGBACKFILL_SOURCE_DIR "/tests/tools/store_schema.sql"));
  }

  ProgramOutcome command(std::vector<std::string> args, const std::string& sync_point = {}) {
    args.insert(args.end(), {"--dsn", dsn()});
    ProgramOptions options;
    if (!sync_point.empty()) options.environment[engine::kSyncPointVariable] = sync_point;
    return run_program(PGBACKFILL_EXECUTABLE, args, options);
  }
  void succeed(const std::vector<std::string>& args, const std::string& said) {
    const ProgramOutcome outcome = command(args);
    EXPECT_EQ(outcome.exit_code, 0) << args[0] << "\n" << outcome.out << outcome.err;
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr(said)) << args[0];
  }
  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }

  /// What somebody does with the proposal: `from` becomes `to`, wherever it stands.
  void edit(const std::string& from, const std::string& to) {
    std::string text = read(file("job.toml"));
    ASSERT_NE(text.find(from), std::string::npos) << from << "\n" << text;
    for (std::size_t at = text.find(from); at != std::string::npos;
         at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
    std::ofstream(file("job.toml")) << text;
  }

  ScratchDirectory directory_;
};

TEST_F(Walk, FromInitToRollbackOnAStoreOfFilms) {
  const ProgramOutcome none = command({"init", "-o", file("job.toml")});
  EXPECT_EQ(none.exit_code, 2);
  const std::string create =
      "CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL)";
  ASSERT_THAT(none.err, HasSubstr(create)) << "the way out";
  sql(create);
  const std::string before = schema_text(dsn());

  succeed({"init", "-o", file("job.toml")}, "pgbackfill plan -c");
  edit("# user_triggers = \"refuse\"", "user_triggers = \"skip\"");
  edit("# ? value = { parent = \"film\", via = \"film_id\" }",
       "value = { parent = \"film\", via = \"film_id\" }");
  for (const std::string key :
       {"[[unique]]", "table =", "columns =", "scope =", "indexes =", "[[enum]]", "type ="}) {
    edit("# " + key, key);
  }
  edit("# values = [\"G\", \"PG\", \"PG-13\", \"R\", \"NC-17\"]",
       "values = [\"G\", \"PG\", \"PG-13\", \"R\", \"adults\"]");
  edit("# map = { }", "map = { NC-17 = \"adults\" }");
  succeed({"plan", "-c", file("job.toml")}, "last_updated of inventory");

  const std::vector<std::string> run{"run", "-c", file("job.toml"), "--batch-rows", "500"};
  EXPECT_EQ(command(run, "batch-committed:5=kill").signal, SIGKILL);
  succeed({"status"}, "not finished");
  succeed(run, "\ndone\n");
  succeed({"verify", "-c", file("job.toml")}, "checks passed");
  EXPECT_EQ(value("SELECT count(*) FROM inventory JOIN organizations USING (org_id)"), "4500");
  EXPECT_EQ(value("SELECT count(*) FROM payment JOIN organizations USING (org_id)"), "8000");
  EXPECT_EQ(value("SELECT count(*) FROM film_list WHERE rating::text = 'adults'"), "200");
  EXPECT_EQ(value("SELECT count(*) FROM inventory WHERE last_update > (SELECT max(last_update) "
                  "FROM rental)"),
            "0")
      << "triggers were to be skipped";

  succeed({"report", "-c", file("job.toml"), "-o", file("report.html")}, "report.html");
  EXPECT_THAT(read(file("report.html")), AllOf(HasSubstr("finished"), HasSubstr("checks failed")));
  succeed({"rollback", "-c", file("job.toml"), "--yes"}, "the job is gone");
  EXPECT_EQ(schema_text(dsn()), before);
  succeed({"status"}, "no job");
}

}  // namespace
}  // namespace pgbackfill::test
