#include "engine/verify/verifier.hpp"
#include "planner/file/migration_file.hpp"
#include "tests/engine/job_fixture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace pgbackfill::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Rows that must exist before anything refers to them.
class Ensure : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL, slug text UNIQUE,"
        "  UNIQUE (name));"
        "CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
        "CREATE TABLE users (user_id serial PRIMARY KEY, role user_role NOT NULL);"
        "CREATE TABLE memberships (user_id integer REFERENCES users, org_id uuid, role text,"
        "  PRIMARY KEY (user_id, org_id));"
        "CREATE TABLE notes (note_id serial PRIMARY KEY, body text);"
        "INSERT INTO users (role) SELECT (ARRAY['user', 'admin', 'manager'])[n % 3 + 1]::user_role"
        "  FROM generate_series(1, 30) AS n;"
        "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 10); ANALYZE");
  }

  planner::JobSpec ensure(std::string_view text) {
    return job(fmt::format("[[table]]\nname = \"notes\"\n{}", text));
  }

  /// The job with the Default organization, and what else `row` says of it.
  planner::JobSpec organization(std::string_view row, std::string_view more = "") {
    return ensure(
        fmt::format("[[ensure]]\ntable = \"organizations\"\nkey = [\"org_id\"]\n"
                    "row = {{ org_id = \"{}\"{} }}\n{}",
                    kDefaultOrg, row, more));
  }

  std::string memberships(std::string_view key = R"("user_id", "org_id")") {
    return fmt::format(R"toml(
[[ensure]]
table = "memberships"
key = [{}]
select = """SELECT user_id, '{}'::uuid AS org_id,
  CASE role WHEN 'admin' THEN 'owner' ELSE 'dispatcher' END AS role
  FROM users WHERE role::text IN ('admin', 'manager')"""
)toml",
                       key, kDefaultOrg);
  }
};

TEST_F(Ensure, RefusesAnOrganizationWhoseNameAnotherHas) {
  sql("INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000777', 'Default', 'd')");
  EXPECT_THAT(refusal(organization(", name = \"Default\"")),
              ElementsAre(::testing::AllOf(
                  HasSubstr("org_id = 00000000-0000-0000-0000-000000000001 cannot be inserted"),
                  HasSubstr("name = Default is held by the row org_id = "
                            "00000000-0000-0000-0000-000000000777"))));
  EXPECT_EQ(count("SELECT count(*) FROM organizations"), 1);
}

TEST_F(Ensure, RenamesWhereAskedTo) {
  sql("INSERT INTO organizations VALUES"
      " ('00000000-0000-0000-0000-000000000777', 'Default', 'd'),"
      " ('00000000-0000-0000-0000-000000000778', 'Default (2)', 'e')");
  const auto spec =
      organization(", name = \"Default\", slug = \"s\"", "on_conflict = \"rename\"\n");
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(count(fmt::format("SELECT count(*) FROM organizations WHERE org_id = '{}' AND "
                              "name = 'Default (3)' AND slug = 's'",
                              kDefaultOrg)),
            1);
  EXPECT_TRUE(engine::verify(spec, session()).passed());
}

TEST_F(Ensure, AConflictThatAroseAfterTheCheckStopsTheJobAtItsFirstStage) {
  const auto spec = organization(", name = \"Default\"");
  // A partial unique index is not looked at beforehand.
  sql("ALTER TABLE organizations DROP CONSTRAINT organizations_name_key;"
      "CREATE UNIQUE INDEX ON organizations (name) WHERE name <> '';"
      "INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000777', 'Default', 'd')");
  EXPECT_THROW(run(spec), std::exception);
  EXPECT_EQ(count("SELECT count(*) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND "
                  "attname = 'org_id'"),
            0);
  sql("UPDATE organizations SET name = 'Other'");
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
}

TEST_F(Ensure, AQueryGivesMembershipsToThoseWhoLackThem) {
  sql(
      fmt::format("INSERT INTO memberships SELECT user_id, '{}', 'kept' FROM users WHERE user_id "
                  "IN (1, 2)",
                  kDefaultOrg));
  const auto spec = organization(", name = \"Default\"", memberships());
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM memberships"), 20);
  EXPECT_EQ(count("SELECT count(*) FROM memberships WHERE role = 'kept'"), 2);
  EXPECT_EQ(count("SELECT count(*) FROM users JOIN memberships USING (user_id) WHERE "
                  "memberships.role <> 'kept' AND memberships.role <> CASE users.role WHEN 'admin' "
                  "THEN 'owner' ELSE 'dispatcher' END"),
            0);
  EXPECT_TRUE(engine::verify(spec, session()).passed());
  sql("DELETE FROM memberships WHERE user_id = 4");
  const auto report = engine::verify(spec, session());
  EXPECT_TRUE(std::any_of(report.checks.begin(), report.checks.end(), [](const auto& check) {
    return !check.passed && check.name == "ensured-row" &&
           check.message.find("user_id = 4") != std::string::npos;
  }));
}

TEST_F(Ensure, OrganizationsMayComeFromAQueryToo) {
  sql("CREATE TABLE firms (id uuid, label text);"
      "INSERT INTO firms VALUES ('00000000-0000-0000-0000-000000000001', 'One')");
  const auto spec = ensure(
      "[[ensure]]\ntable = \"organizations\"\nkey = [\"org_id\"]\n"
      "select = \"SELECT id AS org_id, label AS name FROM firms\"\n");
  EXPECT_EQ(run(spec).outcome, engine::RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM notes JOIN organizations USING (org_id)"), 10);
}

TEST_F(Ensure, QueriesAreCheckedBeforeAnythingIsTouched) {
  const auto query = [&](std::string_view select) {
    return refusal(organization(
        ", name = \"D\"",
        fmt::format("[[ensure]]\ntable = \"memberships\"\nkey = [\"user_id\", \"org_id\"]\n"
                    "select = \"{}\"\n",
                    select)));
  };
  EXPECT_THAT(query("SELECT user_id, 1 AS nothing FROM users"),
              ElementsAre(HasSubstr("gives nothing, which the table does not have"),
                          HasSubstr("does not give org_id, which is in the key")));
  EXPECT_THAT(
      query("SELECT user_id, NULL::uuid AS org_id FROM users WHERE user_id < 3"),
      ElementsAre(HasSubstr("2 rows to be ensured have no key: user_id = 1, org_id = NULL")));
  EXPECT_THAT(query("SELECT 1 AS user_id, gen_random_uuid() AS org_id FROM missing"),
              ElementsAre(HasSubstr("relation \"missing\" does not exist")));
  EXPECT_THAT(
      query("SELECT 1 AS user_id, '00000000-0000-0000-0000-000000000001' AS org_id FROM users"),
      ElementsAre(HasSubstr("rows to be ensured have the same key: user_id = 1")));
}

TEST_F(Ensure, NeedsARowOrAQueryNotBoth) {
  const auto defects = [&](std::string_view keys) {
    try {
      ensure(fmt::format("[[ensure]]\ntable = \"memberships\"\nkey = [\"user_id\"]\n{}", keys));
    } catch (const planner::SpecErrors& errors) {
      return std::string(errors.what());
    }
    return std::string();
  };
  EXPECT_THAT(defects(""), HasSubstr("needs either \"row\" or \"select\""));
  EXPECT_THAT(defects("row = { user_id = 1 }\nselect = \"SELECT 1 AS user_id\""),
              HasSubstr("needs either \"row\" or \"select\""));
  EXPECT_THAT(defects("select = \"SELECT 1; DROP TABLE users\""), HasSubstr("holds a ';'"));
  EXPECT_THAT(defects("row = { user_id = 1 }\non_conflict = \"ignore\""),
              HasSubstr("\"on_conflict\""));
}

}  // namespace
}  // namespace pgbackfill::test
