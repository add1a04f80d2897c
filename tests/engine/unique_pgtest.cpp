#include "engine/verify/verifier.hpp"
#include "planner/file/migration_file.hpp"
#include "tests/engine/job_fixture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Keys that become unique in each organization, or must not be shared.
class Unique : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    write_team_lookup();
    sql("CREATE TABLE invoices (invoice_id serial PRIMARY KEY, team_id integer NOT NULL,"
        "  number text NOT NULL, token text, note text,"
        "  CONSTRAINT invoices_number UNIQUE (number) INCLUDE (note)"
        "  DEFERRABLE INITIALLY DEFERRED);"
        "COMMENT ON TABLE invoices IS 'kept';"
        "INSERT INTO invoices (team_id, number, token) SELECT n % 20 + 1, 'N' || n, 'T' || n"
        "  FROM generate_series(1, 100) AS n; ANALYZE");
  }
  planner::JobSpec unique(std::string_view text) {
    return job(
        fmt::format("{}\n[[table]]\nname = \"invoices\"\n"
                    "value = {{ lookup = \"team_orgs\", key = \"team_id\" }}\n"
                    "[[unique]]\ntable = \"invoices\"\n{}",
                    kTeamLookup, text));
  }
  std::vector<std::string> failed(const planner::JobSpec& spec) {
    std::vector<std::string> names;
    for (const auto& check : engine::verify(spec, session()).checks) {
      if (!check.passed) names.push_back(check.name);
    }
    return names;
  }
};

TEST_F(Unique, BecomesAKeyOfEachOrganizationWithAllItsProperties) {
  const auto spec = unique("columns = [\"number\"]\n");
  EXPECT_THAT(failed(spec), Contains("column"));
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(sql("SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), '; ') FROM "
                "pg_constraint WHERE conrelid = 'invoices'::regclass AND contype = 'u'")
                .text(0, 0),
            "uq_invoices_org_id_number UNIQUE (org_id, number) INCLUDE (note) DEFERRABLE INITIALLY "
            "DEFERRED");
  EXPECT_THAT(failed(spec), ElementsAre());
  sql("INSERT INTO invoices (team_id, number, org_id) SELECT team_id, number, "
      "CASE org_id WHEN '00000000-0000-0000-0000-000000000101' THEN "
      "'00000000-0000-0000-0000-000000000102'::uuid ELSE "
      "'00000000-0000-0000-0000-000000000101'::uuid END FROM invoices LIMIT 1");
  sql("ALTER TABLE invoices ADD UNIQUE (invoice_id, number)");
  EXPECT_THAT(failed(spec), ElementsAre());
}

TEST_F(Unique, AnIndexWithoutAConstraintStaysOne) {
  sql("ALTER TABLE invoices DROP CONSTRAINT invoices_number;"
      "CREATE UNIQUE INDEX invoices_number ON invoices (number)");
  const auto spec = unique("columns = [\"number\"]\nname = \"number_key\"\n");
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM pg_constraint WHERE conrelid = 'invoices'::regclass AND "
                  "contype = 'u'"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_indexes WHERE tablename = 'invoices' AND indexname = "
                  "'number_key' AND indexdef LIKE '%UNIQUE%(org_id, number)'"),
            1);
  EXPECT_EQ(count("SELECT count(*) FROM pg_indexes WHERE indexname = 'invoices_number'"), 0);
  EXPECT_THAT(failed(spec), ElementsAre());
}

TEST_F(Unique, ValuesThatAreThereTwiceInAnOrganizationAreNamed) {
  sql("ALTER TABLE invoices DROP CONSTRAINT invoices_number;"
      "INSERT INTO invoices (team_id, number) VALUES (2, 'N1'), (3, 'N2'), (5, 'N2')");
  // Team 2 is that of N1; N2 is in the organization of team 3, whose second row is this one.
  EXPECT_THAT(refusal(unique("columns = [\"number\"]\n")),
              ElementsAre(AllOf(HasSubstr("more than once in an organization"),
                                HasSubstr("N1 (2 rows)"), HasSubstr("N2 (2 rows)"))));
  sql("DELETE FROM invoices WHERE invoice_id IN (101, 102)");
  const auto spec = unique("columns = [\"number\"]\n");
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_THAT(failed(spec), ElementsAre());
}

TEST_F(Unique, AGlobalKeyMustNotBeShared) {
  const auto spec = unique("columns = [\"token\"]\nscope = \"global\"\n");
  sql("INSERT INTO invoices (team_id, number, token) VALUES (2, 'X1', 'T1'), (3, 'X2', 'T1')");
  EXPECT_THAT(refusal(spec), ElementsAre(AllOf(HasSubstr("shared by several organizations"),
                                               HasSubstr("T1 (3 rows)"))));
  sql("DELETE FROM invoices WHERE number = 'X2'");
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_THAT(failed(spec), ElementsAre());
  sql("UPDATE invoices SET token = 'T1' WHERE number = 'N2'");
  EXPECT_THAT(failed(spec), ElementsAre("not-shared"));
}

TEST_F(Unique, WhatTheOldKeyCarriesIsNotDroppedWithIt) {
  sql("CREATE TABLE payments (number text);"
      "ALTER TABLE invoices DROP CONSTRAINT invoices_number, ADD CONSTRAINT invoices_number UNIQUE "
      "(number); ALTER TABLE payments ADD CONSTRAINT paid FOREIGN KEY (number) REFERENCES invoices "
      "(number)");
  EXPECT_THAT(refusal(unique("columns = [\"number\"]\n")),
              ElementsAre(AllOf(HasSubstr("paid of payments"), HasSubstr("foreign keys rest on"))));
  EXPECT_THAT(refusal(unique("columns = [\"invoice_id\"]\n")),
              ElementsAre(HasSubstr("it is the primary key")));
}

TEST_F(Unique, TheFileIsChecked) {
  const auto defects = [&](std::string_view text) {
    try {
      unique(text);
    } catch (const planner::SpecErrors& errors) {
      return std::string(errors.what());
    }
    return std::string();
  };
  EXPECT_THAT(defects("columns = [\"org_id\", \"number\"]\n"), HasSubstr("leave org_id out"));
  EXPECT_THAT(defects("columns = []\nscope = \"world\"\n"), HasSubstr("\"scope\""));
  EXPECT_THAT(defects("columns = [\"number\"]\n[[unique]]\ntable = \"other\"\ncolumns = [\"a\"]\n"),
              HasSubstr("is not among the [[table]] list"));
}

}  // namespace
}  // namespace pgbackfill::test
