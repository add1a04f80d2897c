#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/schema_text.hpp"
#include "tests/support/temp_cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// tools/migrations/playbook.toml: every operation in one job, on the sample database as it was
/// before its organizations had uuids.
class Playbook : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    const ProgramOutcome sample = run_program(
        PGBACKFILL_SAMPLE_BINARY, {"--dsn", dsn(), "--scale", "0.02", "--text-organizations"});
    ASSERT_EQ(sample.exit_code, 0) << sample.err;
  }

  /// The schema as pg_dump writes it; sorted, for a column that comes back is the table's last.
  std::string dump() {
    std::multiset<std::string> lines;
    std::istringstream stream(schema_text(dsn(), true));
    for (std::string line; std::getline(stream, line);) {
      if (line.ends_with(',')) line.pop_back();
      lines.insert(line + "\n");
    }
    return std::accumulate(lines.begin(), lines.end(), std::string());
  }
  /// Of every row, whatever the order of the columns.
  std::string rows() {
    const auto tables =
        sql("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = "
            "'public'::regnamespace ORDER BY 1");
    std::string sums;
    for (int row = 0; row < tables.rows(); ++row) {
      const std::string table(tables.text(row, 0));
      sums += table + " " +
              value(
                  "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(to_jsonb(t)::text, "
                  "0)::numeric), 0) FROM " +
                  table + " AS t") +
              "\n";
    }
    return sums;
  }

  ProgramOutcome command(std::vector<std::string> args) {
    args.insert(args.end(),
                {"-c", PGBACKFILL_SOURCE_DIR "/tools/migrations/playbook.toml", "--dsn", dsn()});
    return run_program(PGBACKFILL_EXECUTABLE, args);
  }
  std::int64_t count(const std::string& query) { return sql(query).integer(0, 0); }
};

TEST_F(Playbook, TakesTheDatabaseThroughEveryOperation) {
  const std::int64_t administrators = count(
      "SELECT count(*) FROM users WHERE role IN ('admin', 'manager') AND NOT EXISTS (SELECT "
      "FROM memberships AS m WHERE m.user_id = users.user_id AND m.org_id = "
      "'00000000-0000-0000-0000-000000000001')");
  const std::int64_t memberships = count("SELECT count(*) FROM memberships");
  const std::int64_t users = count("SELECT count(*) FROM users WHERE role = 'user'");
  ASSERT_GT(administrators, 0);
  ASSERT_GT(users, 0);
  for (const std::string name : {"plan", "run", "verify"}) {
    const ProgramOutcome outcome = command({name});
    ASSERT_EQ(outcome.exit_code, 0) << name << "\n" << outcome.err << outcome.out;
  }
  EXPECT_EQ(count("SELECT count(*) FROM memberships"), memberships + administrators);
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE role = 'worker'"), users);
  EXPECT_EQ(count("SELECT count(*) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid "
                  "WHERE a.attname = 'org_id' AND c.relkind = 'r' AND c.relnamespace = "
                  "'public'::regnamespace AND (a.atttypid <> 'uuid'::regtype OR NOT a.attnotnull)"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM invoices WHERE org_id <> "
                  "'00000000-0000-0000-0000-000000000001'"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_indexes WHERE indexname IN ('uq_invoices_number', "
                  "'uq_teams_name', 'uq_invoice_number_sequences_year')"),
            0);
  const ProgramOutcome again = command({"run"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.out + again.err, HasSubstr("nothing"));
}

TEST_F(Playbook, ComesBackAsAWhole) {
  const std::string schema = dump();
  const std::string data = rows();
  const ProgramOutcome plan = command({"plan"});
  EXPECT_THAT(plan.out, Not(HasSubstr("cannot be taken back")));
  EXPECT_THAT(plan.out, HasSubstr("back as the last ones of their\n  tables: organizations, "));
  for (const std::string until : {"index", "finish"}) {
    SCOPED_TRACE(until);
    const ProgramOutcome ran = command({"run", "--until", until});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    ASSERT_NE(dump(), schema);
    const ProgramOutcome back = command({"rollback"});
    ASSERT_EQ(back.exit_code, 0) << back.out << back.err;
    EXPECT_THAT(back.out, Not(HasSubstr("will not come back")));
    EXPECT_EQ(dump(), schema);
    EXPECT_EQ(rows(), data);
  }
}

TEST_F(Playbook, AKeyThatIsNoUuidStopsItBeforeAnythingIsTouched) {
  sql("UPDATE organization_usage_events SET resource_id = 'x';"
      "ALTER TABLE organization_billing DROP CONSTRAINT organization_billing_org_id_fkey;"
      "INSERT INTO organization_billing (org_id) VALUES ('not-a-uuid')");
  const ProgramOutcome outcome = command({"run"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("not-a-uuid"));
  EXPECT_EQ(count("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgbackfill'"), 0);
}

}  // namespace
}  // namespace pgbackfill::test
