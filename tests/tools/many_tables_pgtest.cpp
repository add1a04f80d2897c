#include "tests/support/pg_fixture.hpp"
#include "tests/support/scratch_directory.hpp"
#include "tests/support/temp_cluster.hpp"
#include "tools/cli.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace pgbackfill::tools {
namespace {

/// Round trips are what a database of many tables costs: they must not grow with their number.
class ManyTablesTest : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text)");
    sql("ALTER DATABASE " + database() + " SET log_statement = 'all'");
  }

  /// A job over `count` tables, as many more being beside them.
  std::string job_over(int count) {
    const auto path = directory_.path() / ("job" + std::to_string(count) + ".toml");
    std::ofstream file(path);
    file << R"toml(version = 1
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000001", name = "Default" }
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }
)toml";
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      sql("CREATE TABLE IF NOT EXISTS listed_" + number + " (id integer PRIMARY KEY);" +
          "CREATE TABLE IF NOT EXISTS beside_" + number + " (id integer PRIMARY KEY)");
      file << "[[table]]\nname = \"listed_" << number << "\"\n";
    }
    return path.string();
  }

  static std::size_t logged() {
    const std::string log = test::TempCluster::shared().log();
    std::size_t count = 0;
    for (const std::string word : {"LOG:  statement: ", "LOG:  execute "}) {
      for (std::size_t at = log.find(word); at != std::string::npos; at = log.find(word, at + 1)) {
        ++count;
      }
    }
    return count;
  }

  /// Statements that the command sends.
  std::size_t statements(const std::string& command, const std::string& file,
                         const std::vector<std::string>& more = {}) {
    std::vector<std::string> args{command, "-c", file, "--dsn", dsn()};
    args.insert(args.end(), more.begin(), more.end());
    const std::size_t before = logged();
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(run_cli(args, out, err), kExitDone) << err.str();
    return logged() - before;
  }

  test::ScratchDirectory directory_;
};

TEST_F(ManyTablesTest, ParentsThatForeignKeysVouchForAreAskedOfTogether) {
  const auto statements_of_plan = [&](int count) {
    std::string file = job_over(1);
    std::ofstream more(file, std::ios::app);
    sql("CREATE TABLE IF NOT EXISTS child_0 (id integer PRIMARY KEY)");
    more << "[[table]]\nname = \"child_0\"\n";
    for (int i = 1; i < count; ++i) {
      const std::string above = "child_" + std::to_string(i / 2);
      const std::string name = "child_" + std::to_string(i);
      sql("CREATE TABLE IF NOT EXISTS " + name +
          " (id integer PRIMARY KEY, up integer NOT NULL REFERENCES " + above + ")");
      more << "[[table]]\nname = \"" << name << "\"\nvalue = { parent = \"" << above
           << "\", via = \"up\" }\n";
    }
    more.close();
    return statements("plan", file);
  };
  const std::size_t few = statements_of_plan(3);
  EXPECT_GT(few, 5U);
  EXPECT_EQ(statements_of_plan(40), few);
}

TEST_F(ManyTablesTest, PlanAndStatusAskNoMoreQuestionsOfMoreTables) {
  const std::string few = job_over(5);
  const std::size_t plan_of_few = statements("plan", few);
  EXPECT_GT(plan_of_few, 5U) << "the log does not show the statements";
  statements("run", few, {"--until", "expand"});
  const std::size_t status_of_few = statements("status", few);
  statements("rollback", few, {"--yes"});

  const std::string many = job_over(40);
  EXPECT_EQ(statements("plan", many), plan_of_few);
  statements("run", many, {"--until", "expand"});
  EXPECT_EQ(statements("status", many), status_of_few);
}

}  // namespace
}  // namespace pgbackfill::tools
