#include "planner/preflight/preflight.hpp"
#include "sql/catalog.hpp"
#include "tests/engine/job_fixture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Finding;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// A role that has just been made, and a job over tables of others.
class Privileges : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    runner_ = "runner_" + database();
    owner_ = "owner_" + database();
    create_organizations();
    write_team_lookup();
    // Nothing comes to PUBLIC by itself here, as since PostgreSQL 15 nothing does in public.
    sql(fmt::format(
        "CREATE ROLE {0} LOGIN; CREATE ROLE {1};"
        "REVOKE ALL ON DATABASE {2} FROM PUBLIC; GRANT CONNECT ON DATABASE {2} TO PUBLIC;"
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;"
        "CREATE SCHEMA crm; GRANT USAGE, CREATE ON SCHEMA crm TO {1};"
        "GRANT USAGE ON SCHEMA public TO {1};"
        "CREATE TABLE bookings (booking_id serial PRIMARY KEY, team_id integer, extra_id integer,"
        "  client_id integer);"
        "INSERT INTO bookings (team_id, extra_id, client_id) SELECT n % 20 + 1, n % 5 + 1, n % 5 + "
        "1"
        "  FROM generate_series(1, 300) AS n;"
        "CREATE TABLE crm.\"Visits\" (visit_id serial PRIMARY KEY, client_id integer);"
        "INSERT INTO crm.\"Visits\" (client_id) SELECT n % 5 + 1 FROM generate_series(1, 100) AS n;"
        "CREATE TABLE crm.clients (client_id integer PRIMARY KEY, org_id uuid NOT NULL);"
        "INSERT INTO crm.clients SELECT n, org_id FROM generate_series(1, 5) AS n, organizations "
        "  WHERE name = 'Default';"
        "CREATE TABLE crm.extras (extra_id integer PRIMARY KEY, org uuid NOT NULL);"
        "INSERT INTO crm.extras SELECT client_id, org_id FROM crm.clients;"
        "CREATE TABLE notes (note_id serial PRIMARY KEY, extra_id integer);"
        "INSERT INTO notes (extra_id) SELECT n % 5 + 1 FROM generate_series(1, 50) AS n;"
        "ALTER TABLE bookings OWNER TO {1}; ALTER TABLE notes OWNER TO {1};"
        "ALTER TABLE crm.\"Visits\" OWNER TO {1}; ANALYZE",
        runner_, owner_, pgbackfill::sql::quote_identifier(database())));
  }
  void TearDown() override {
    sql(
        fmt::format("DROP OWNED BY {0} CASCADE; DROP OWNED BY {1} CASCADE; DROP ROLE {0}; "
                    "DROP ROLE {1}",
                    runner_, owner_));
    JobTest::TearDown();
  }

  planner::JobSpec spec() {
    return job(std::string(kTeamLookup) + fmt::format(R"(
[[ensure]]
table = "organizations"
key = ["org_id"]
row = {{ org_id = "{}", name = "Default" }}
[[table]]
name = "bookings"
value = {{ lookup = "team_orgs", key = "team_id" }}
[[table]]
name = "crm.Visits"
value = {{ sql = 'SELECT c.org_id FROM crm.clients AS c WHERE c.client_id = "Visits".client_id' }}
[[table]]
name = "notes"
value = {{ sql = "SELECT e.org FROM crm.extras AS e WHERE e.extra_id = notes.extra_id" }}
)",
                                                      kDefaultOrg));
  }

  std::vector<Finding> refusals(const planner::JobSpec& spec) {
    auto connection = connect(runner_);
    const auto catalog = pgbackfill::sql::read_catalog(connection);
    auto findings = planner::preflight(spec, catalog, connection);
    std::erase_if(findings, [](const Finding& finding) { return !finding.refuses; });
    return findings;
  }
  engine::RunReport run_as_runner(const planner::JobSpec& spec) {
    engine::EngineOptions as_runner = options(spec);
    as_runner.dsn = dsn(runner_);
    return engine::run_job(spec, as_runner, board_, stop_, {});
  }

  std::string runner_;
  std::string owner_;
};

TEST_F(Privileges, OneFindingHasEveryGrantAndThenTheJobRuns) {
  const auto job = spec();
  const auto found = refusals(job);
  ASSERT_EQ(found.size(), 1U) << found[0].to_string() << "\n" << found.back().to_string();
  EXPECT_EQ(found[0].object, "role " + runner_);
  EXPECT_THAT(
      found[0].message,
      AllOf(HasSubstr("membership in role " + owner_ +
                      ", which owns bookings, crm.\"Visits\", notes"),
            HasSubstr("REFERENCES (the foreign keys need it) on organizations"),
            HasSubstr("INSERT (its rows are ensured) on organizations"),
            HasSubstr("SELECT (the job reads it) on organizations, crm.clients, crm.extras")));
  EXPECT_THROW(run_as_runner(job), engine::Refused);
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t") << "nothing is touched";
  for (const std::string& statement : found[0].statements) sql(statement);
  EXPECT_TRUE(refusals(job).empty()) << refusals(job)[0].to_string();
  EXPECT_EQ(run_as_runner(job).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM notes WHERE org_id IS NULL"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM crm.\"Visits\" WHERE org_id IS NULL"), 0);
}

TEST_F(Privileges, EachGrantIsNeeded) {
  const auto job = spec();
  const auto statements = refusals(job)[0].statements;
  for (const std::string& statement : statements) sql(statement);
  for (const std::string& statement : statements) {
    std::string revoke = statement;
    revoke.replace(0, 5, "REVOKE");
    revoke.replace(revoke.rfind(" TO "), 4, " FROM ");
    sql(revoke);
    const auto found = refusals(job);
    ASSERT_EQ(found.size(), 1U) << statement;
    EXPECT_THAT(found[0].statements, ::testing::Contains(statement));
    sql(statement);
  }
}

TEST_F(Privileges, RowSecurityOnWhatIsReadIsRefusedOnceWithAllTables) {
  const auto lacking = refusals(spec());
  for (const std::string& statement : lacking[0].statements) sql(statement);
  sql("ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;"
      "ALTER TABLE crm.clients ENABLE ROW LEVEL SECURITY;"
      "ALTER TABLE crm.extras ENABLE ROW LEVEL SECURITY;"
      "ALTER TABLE bookings ENABLE ROW LEVEL SECURITY;"
      "ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY");
  const auto found = refusals(spec());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].object, "row security");
  EXPECT_THAT(found[0].message, HasSubstr("notes, "));
  for (const char* table : {"organizations", "crm.clients", "crm.extras"}) {
    EXPECT_THAT(found[0].message, HasSubstr(table));
  }
  EXPECT_THAT(found[0].message, ::testing::Not(HasSubstr("bookings")))
      << "who owns a table sees all of it without FORCE";
  sql("ALTER ROLE " + runner_ + " BYPASSRLS");
  EXPECT_TRUE(refusals(spec()).empty());
  EXPECT_EQ(run_as_runner(spec()).outcome, RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(Privileges, PublishedTablesNeedAReplicaIdentityToBeUpdated) {
  const auto keyless = job(std::string(kTeamLookup) + R"(
[[table]]
name = "logs"
value = { lookup = "team_orgs", key = "team_id" }
)");
  sql("CREATE TABLE logs (team_id integer NOT NULL); INSERT INTO logs VALUES (1);"
      "CREATE PUBLICATION p FOR TABLE logs");
  const auto refused = [&] {
    auto findings =
        planner::preflight(keyless, pgbackfill::sql::read_catalog(session()), session());
    std::erase_if(findings, [](const Finding& finding) { return !finding.refuses; });
    return findings;
  };
  ASSERT_EQ(refused().size(), 1U);
  EXPECT_THAT(refused()[0].message,
              HasSubstr("publication p publishes its updates, and logs has no replica identity"));
  sql("ALTER PUBLICATION p SET (publish = 'insert')");
  EXPECT_TRUE(refused().empty());
  sql("ALTER PUBLICATION p SET (publish = 'insert, update'); ALTER TABLE logs REPLICA IDENTITY "
      "FULL");
  EXPECT_TRUE(refused().empty());
  EXPECT_EQ(run(keyless).outcome, RunOutcome::kDone);
}

}  // namespace
}  // namespace pgbackfill::test
