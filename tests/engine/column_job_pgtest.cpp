#include "engine/verify/verifier.hpp"
#include "planner/file/migration_file.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::test {
namespace {

using planner::Stage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Columns other than the tenant's, filled by the same engine.
class ColumnJob : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    write_team_lookup();
    write_file("regions.csv", "country,region\nDE,EU\nFR,EU\nUS,NA\n");
    sql("CREATE TABLE customers (customer_id serial PRIMARY KEY, country text NOT NULL,"
        "  team_id integer NOT NULL DEFAULT 1);"
        "CREATE TABLE orders (order_id serial PRIMARY KEY,"
        "  customer_id integer NOT NULL REFERENCES customers, cents integer NOT NULL, state text);"
        "INSERT INTO customers (country, team_id) SELECT (ARRAY['DE', 'FR', 'US'])[n % 3 + 1],"
        "  n % 20 + 1 FROM generate_series(1, 60) AS n;"
        "INSERT INTO orders (customer_id, cents) SELECT n % 60 + 1, n * 100"
        "  FROM generate_series(1, 2000) AS n; ANALYZE");
  }

  /// Without [tenant] unless `text` has it.
  planner::JobSpec columns(std::string_view text) {
    return planner::read_migration_file(
        write_file("columns.toml", fmt::format("version = 1\n[run]\nworkers = 2\n{}", text)));
  }

  static constexpr std::string_view kRegions = R"toml(
[[lookup]]
name = "regions"
file = "regions.csv"
[[column]]
table = "customers"
name = "region"
type = "text"
value = { lookup = "regions", key = "country" }
not_null = true
index = "ix_customers_region"
[[column]]
table = "orders"
name = "area"
type = "varchar(10)"
value = { parent = "customers", column = "region", via = "customer_id" }
not_null = true
default = "EU"
[[column]]
table = "orders"
name = "euros"
type = "numeric"
value = { sql = "cents / 100.0" }
[[column]]
table = "orders"
name = "state"
value = { constant = "open" }
not_null = true
default = { sql = "lower('NEW')" }
)toml";

  std::int64_t differences() {
    return count(
        "SELECT count(*) FROM orders JOIN customers USING (customer_id) WHERE region IS DISTINCT "
        "FROM CASE country WHEN 'US' THEN 'NA' ELSE 'EU' END OR euros IS DISTINCT FROM cents / "
        "100.0 OR area IS DISTINCT FROM region");
  }

  std::vector<std::string> failed(const planner::JobSpec& spec) {
    std::vector<std::string> names;
    for (const auto& check : engine::verify(spec, session()).checks) {
      if (!check.passed) names.push_back(check.object + " " + check.name);
    }
    return names;
  }

  std::string defects(std::string_view text) {
    try {
      static_cast<void>(columns(text));
    } catch (const planner::SpecErrors& errors) {
      return errors.what();
    }
    return {};
  }
};

TEST_F(ColumnJob, FillsFromEverySourceWithoutATenant) {
  const auto spec = columns(kRegions);
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(differences(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM orders WHERE state = 'open'"), 2000);
  EXPECT_THAT(failed(spec), ElementsAre());
  // The defaults that were asked for, and none of ours.
  sql("INSERT INTO orders (customer_id, cents) VALUES (1, 5)");
  EXPECT_EQ(count("SELECT count(*) FROM orders WHERE area = 'EU' AND euros IS NULL AND "
                  "state = 'new'"),
            1);
  EXPECT_THROW(sql("INSERT INTO customers (country) VALUES ('DE')"), std::exception);
  EXPECT_EQ(count("SELECT count(*) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = "
                  "p.pronamespace WHERE n.nspname = 'pgbackfill'"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), 0);
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kAlreadyDone);
}

TEST_F(ColumnJob, StandsBesideTheTenantInOnePassOverEachTable) {
  const auto spec = job(std::string(kTeamLookup) + R"(
[[table]]
name = "customers"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "orders"
value = { parent = "customers", via = "customer_id" }
[[column]]
table = "orders"
name = "owner"
type = "uuid"
value = { parent = "customers", column = "org_id", via = "customer_id" }
)" + std::string(kRegions));
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(differences(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM orders JOIN customers USING (customer_id) WHERE "
                  "orders.org_id <> customers.org_id OR owner <> customers.org_id OR "
                  "customers.org_id <> " +
                  team_org("team_id")),
            0);
  EXPECT_EQ(ledger_rows("backfill:orders"), 2000) << "each row is written once";
  EXPECT_THAT(failed(spec), ElementsAre());
}

TEST_F(ColumnJob, FollowsAnApplicationThatChangesWhatItIsComputedFrom) {
  const auto spec = columns(kRegions);
  Application application(connect(), [](pgbackfill::sql::Connection& session, int) {
    session.execute(
        "UPDATE orders SET customer_id = (random() * 59)::int + 1, "
        "cents = (random() * 1000)::int WHERE order_id = (random() * 1999)::int + 1");
    session.execute(
        "UPDATE customers SET country = (ARRAY['DE', 'FR', 'US'])"
        "[(random() * 2)::int + 1] WHERE customer_id = (random() * 59)::int + 1");
  });
  application.reach(50);
  run_until(spec, Stage::kBackfill);
  application.reach(50);
  application.end();
  EXPECT_EQ(application.errors(), 0) << application.first_error();
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(differences(), 0);
}

TEST_F(ColumnJob, RowsWithoutAValueAreToldBeforehand) {
  sql("INSERT INTO customers (country) VALUES ('XX'), ('YY')");
  try {
    run(columns(kRegions));
    ADD_FAILURE() << "must be refused";
  } catch (const engine::Refused& error) {
    ASSERT_FALSE(error.findings().empty());
    EXPECT_THAT(error.findings().back().to_string(), HasSubstr("XX (1 row)"));
  }
  EXPECT_EQ(count("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgbackfill'"), 0);
}

TEST_F(ColumnJob, TheFileIsChecked) {
  EXPECT_THAT(defects("[[column]]\ntable = \"orders\"\nname = \"a\"\ntype = \"te;xt\"\n"
                      "value = { lookup = \"none\", key = \"b\" }\n"),
              ::testing::AllOf(HasSubstr("is not the name of a type"),
                               HasSubstr("no [[lookup]] is named \"none\"")));
  EXPECT_THAT(defects("[[column]]\ntable = \"a\"\nname = \"x\"\nvalue = { parent = \"b\", column = "
                      "\"y\", via = \"b_id\" }\n[[column]]\ntable = \"b\"\nname = \"y\"\nvalue = { "
                      "parent = \"a\", column = \"x\", via = \"a_id\" }\n"),
              HasSubstr("takes its value from itself"));
  EXPECT_THAT(defects("[[column]]\ntable = \"a\"\nname = \"x\"\nvalue = { constant = 1 }\n"
                      "[[column]]\ntable = \"public.a\"\nname = \"x\"\nvalue = { constant = 2 }\n"),
              HasSubstr("is on line"));
}

TEST_F(ColumnJob, NamesThatTheDatabaseLacksAreErrorsOfTheFile) {
  const auto spec = columns(
      "[[column]]\ntable = \"orders\"\nname = \"a\"\nvalue = { constant = 1 }\n"
      "[[column]]\ntable = \"orders\"\nname = \"state\"\ntype = \"integer\"\nvalue = { constant = "
      "1 "
      "}\n[[column]]\ntable = \"orders\"\nname = \"b\"\ntype = \"text\"\n"
      "value = { parent = \"customers\", column = \"nation\", via = \"customer\" }\n");
  try {
    run(spec);
    ADD_FAILURE() << "must be refused";
  } catch (const planner::SpecErrors& errors) {
    EXPECT_THAT(errors.what(), HasSubstr("needs the key \"type\""));
    EXPECT_THAT(errors.what(), HasSubstr("of type text instead of integer"));
    EXPECT_THAT(errors.what(), HasSubstr("has no column \"customer\""));
    EXPECT_THAT(errors.what(), HasSubstr("has no column \"nation\""));
  }
}

TEST_F(ColumnJob, TablesCannotWaitForOneAnother) {
  sql("ALTER TABLE customers ADD last_order integer REFERENCES orders");
  try {
    run(columns(std::string(kRegions) +
                "[[column]]\ntable = \"customers\"\nname = \"last_cents\"\ntype = \"numeric\"\n"
                "value = { parent = \"orders\", column = \"euros\", via = \"last_order\" }\n"));
    ADD_FAILURE() << "must be refused";
  } catch (const engine::Refused& error) {
    EXPECT_THAT(error.findings().back().to_string(), HasSubstr("in a job of its own"));
  }
}

}  // namespace
}  // namespace pgbackfill::test
