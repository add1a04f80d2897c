#include "planner/operations/convert/convert_spec.hpp"
#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "planner/preflight/parameters.hpp"
#include "planner/preflight/preflight.hpp"
#include "tests/planner/plan_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PreflightServerTest, RefusesServersBeforeThirteen) {
  EXPECT_THAT(check_server(130000), IsEmpty());
  EXPECT_THAT(check_server(180004), IsEmpty());
  const auto findings = check_server(120017);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(findings[0].refuses);
  EXPECT_EQ(findings[0].to_string(),
            "server: it is PostgreSQL 12, and the oldest supported version is 13. Upgrade the "
            "server first.");
}

class PreflightTest : public test::PlanFixture {
 protected:
  /// Checks that exactly one finding refuses, and that it is about `object` and has `text`.
  void expect_refusal(const std::vector<Finding>& all, const std::string& object,
                      const std::string& text) {
    std::vector<Finding> refusing;
    for (const Finding& finding : all) {
      if (finding.refuses) refusing.push_back(finding);
    }
    ASSERT_EQ(refusing.size(), 1U) << listed(refusing);
    EXPECT_THAT(refusing[0].object, HasSubstr(object)) << listed(refusing);
    EXPECT_THAT(refusing[0].message, HasSubstr(text));
    EXPECT_NE(refusing[0].advice, "");
  }

  void expect_warning(const std::vector<Finding>& all, const std::string& object,
                      const std::string& text) {
    for (const Finding& finding : all) {
      EXPECT_FALSE(finding.refuses) << finding.to_string();
      if (finding.object == object && finding.message.find(text) != std::string::npos) return;
    }
    ADD_FAILURE() << "no warning about " << object << " with \"" << text << "\" among\n"
                  << listed(all);
  }

  static std::string listed(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings) text += finding.to_string() + "\n";
    return text;
  }

  static JobSpec job_for(const std::string& name,
                         std::optional<ValueSource> source = std::nullopt) {
    JobSpec spec = job();
    spec.tables = {table(name, std::move(source))};
    return spec;
  }

  /// What another role would be told.
  std::vector<Finding> findings_of(const std::string& role, const JobSpec& spec) {
    sql("SET SESSION AUTHORIZATION " + role);
    const auto catalog = pgbackfill::sql::read_catalog(session());
    auto all = preflight(spec, catalog, session());
    sql("RESET SESSION AUTHORIZATION");
    return all;
  }

  static JobSpec lookup_job(const std::vector<std::pair<std::string, std::string>>& entries) {
    JobSpec spec = job_for("t", from_lookup("teams", "team_id"));
    LookupSpec lookup;
    lookup.name = "teams";
    lookup.file = "teams.csv";
    lookup.entries = entries;
    for (std::size_t i = 0; i < entries.size(); ++i)
      lookup.lines.push_back(static_cast<int>(i) + 2);
    spec.lookups = {lookup};
    return spec;
  }

  static JobSpec enum_job() {
    JobSpec spec;
    EnumSpec type;
    type.type = "role";
    type.values = {"worker", "boss", "admin"};
    type.map = {{"user", "worker"}, {"manager", "boss"}};
    spec.of<EnumSpec>() = {type};
    return spec;
  }

  void create_enum() {
    sql("CREATE TYPE role AS ENUM ('user', 'admin', 'manager');"
        "CREATE TABLE users (id int PRIMARY KEY, role role NOT NULL DEFAULT 'user')");
  }
};

TEST_F(PreflightTest, FindsNothingWhereNothingIsWrong) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  EXPECT_THAT(findings(job_for("t")), IsEmpty());
}

TEST_F(PreflightTest, LooksIntoColumnsThatAreToBeConverted) {
  sql("CREATE TABLE owners (owner_id text PRIMARY KEY); INSERT INTO owners VALUES ('one')");
  JobSpec spec;
  spec.of<ConvertSpec>() = {{{"owners.owner_id"}, "uuid", {}}};
  expect_refusal(findings(spec), "owners.owner_id", "owner_id=one: 'one'");
}

TEST_F(PreflightTest, SpeaksOfTheSessionItFinds) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  auto catalog = pgbackfill::sql::read_catalog(session());
  catalog.in_recovery = true;
  expect_refusal(preflight(job_for("t"), catalog, session()), "database", "standby");
  catalog.in_recovery = false;
  catalog.pooled = true;
  expect_refusal(preflight(job_for("t"), catalog, session()), "database", "pooler");
  catalog.pooled = false;
  catalog.may_create_schema = false;
  expect_refusal(preflight(job_for("t"), catalog, session()), "role", "schema pgbackfill");
  sql("CREATE SCHEMA pgbackfill");
  EXPECT_THAT(preflight(job_for("t"), catalog, session()), IsEmpty());
  catalog.may_create_temp = false;
  expect_refusal(preflight(job_for("t"), catalog, session()), "role", "temporary tables");
  catalog.server_version = 120000;
  expect_refusal(preflight(job_for("t"), catalog, session()), "server", "PostgreSQL 12");
}

/// A role that owns some tables and not others.
class PreflightRoleTest : public PreflightTest {
 protected:
  void SetUp() override {
    PreflightTest::SetUp();
    sql("DROP ROLE IF EXISTS preflight_owner; CREATE ROLE preflight_owner;"
        "GRANT CREATE, TEMPORARY ON DATABASE " +
        pgbackfill::sql::quote_identifier(database()) +
        " TO preflight_owner; GRANT CREATE, USAGE ON SCHEMA public TO preflight_owner;"
        "GRANT SELECT, REFERENCES ON organizations TO preflight_owner;"
        "GRANT INSERT ON organizations TO preflight_owner;"
        "CREATE TABLE mine (id int PRIMARY KEY); ALTER TABLE mine OWNER TO preflight_owner;"
        "CREATE TABLE theirs (id int PRIMARY KEY)");
  }

  void TearDown() override {
    sql("RESET SESSION AUTHORIZATION; DROP OWNED BY preflight_owner; DROP ROLE preflight_owner");
    PreflightTest::TearDown();
  }
};

TEST_F(PreflightRoleTest, OwnTablesAreEnough) {
  EXPECT_THAT(findings_of("preflight_owner", job_for("mine")), IsEmpty());
}

TEST_F(PreflightRoleTest, NamesTableAndOwner) {
  expect_refusal(findings_of("preflight_owner", job_for("theirs")), "role preflight_owner",
                 "membership in role postgres, which owns theirs");
}

TEST_F(PreflightRoleTest, NamesPartitionsOfOthers) {
  sql("CREATE TABLE p (id int) PARTITION BY LIST (id);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); ALTER TABLE p OWNER TO preflight_owner");
  expect_refusal(findings_of("preflight_owner", job_for("p")), "role preflight_owner",
                 "membership in role postgres, which owns p1");
}

TEST_F(PreflightRoleTest, NeedsReferencesAndSelect) {
  sql("REVOKE REFERENCES ON organizations FROM preflight_owner");
  expect_refusal(findings_of("preflight_owner", job_for("mine")), "role preflight_owner",
                 "lacks REFERENCES (the foreign keys need it) on organizations");
  sql("GRANT REFERENCES (org_id) ON organizations TO preflight_owner");
  EXPECT_THAT(findings_of("preflight_owner", job_for("mine")), IsEmpty());
}

TEST_F(PreflightRoleTest, NeedsToSeeReplicasWhoseLagIsLimited) {
  auto spec = job_for("mine");
  spec.run.max_replica_lag.bytes = 1;
  expect_refusal(findings_of("preflight_owner", spec), "max_replica_lag",
                 "may not see how far replicas are behind");
  sql("GRANT pg_monitor TO preflight_owner");
  EXPECT_THAT(findings_of("preflight_owner", spec), IsEmpty());
}

TEST_F(PreflightRoleTest, NeedsToRunTheThrottlesQuery) {
  auto spec = job_for("mine");
  spec.run.throttle_query = "SELECT count(*) FROM theirs";
  expect_refusal(findings_of("preflight_owner", spec), "throttle_query", "permission denied");
  spec.run.throttle_query = "DELETE FROM mine RETURNING 1";
  expect_refusal(findings_of("preflight_owner", spec), "throttle_query", "read-only transaction");
  spec.run.throttle_query = "SELECT count(*) FROM mine";
  EXPECT_THAT(findings_of("preflight_owner", spec), IsEmpty());
}

TEST_F(PreflightRoleTest, NeedsToBeAllowedWalCompression) {
  auto spec = job_for("mine");
  spec.run.wal_compression = "on";
  const auto found = findings_of("preflight_owner", spec);
  expect_refusal(found, "wal_compression", "role preflight_owner may not set wal_compression");
  if (session().server_version() < 150000) return;
  sql(found.at(0).statements.at(0));
  EXPECT_THAT(findings_of("preflight_owner", spec), IsEmpty());
}

TEST_F(PreflightTest, AsksTheServerForMethodsOfWalCompression) {
  EXPECT_THAT(check_wal_compression("on", session()), IsEmpty());
  const auto found = check_wal_compression("gzip", session());
  expect_refusal(found, "wal_compression", "the server has no method \"gzip\"");
}

TEST_F(PreflightRoleTest, NeedsToCreateInTheSchema) {
  sql("REVOKE CREATE ON SCHEMA public FROM preflight_owner, PUBLIC");
  expect_refusal(findings_of("preflight_owner", job_for("mine")), "role preflight_owner",
                 "on schema public");
}

TEST_F(PreflightRoleTest, RefusesRowSecurityThatHidesRows) {
  sql("ALTER TABLE mine ENABLE ROW LEVEL SECURITY; ALTER TABLE mine FORCE ROW LEVEL SECURITY");
  expect_refusal(findings_of("preflight_owner", job_for("mine")), "row security",
                 "hides rows of mine from role preflight_owner");
}

TEST_F(PreflightRoleTest, NeedsToOwnTheType) {
  create_enum();
  sql("ALTER TABLE users OWNER TO preflight_owner");
  expect_refusal(findings_of("preflight_owner", enum_job()), "role preflight_owner",
                 "membership in role postgres, which owns type role");
}

TEST_F(PreflightTest, RefusesTablesOfOtherKinds) {
  sql("CREATE TABLE base (id int); CREATE VIEW v AS SELECT * FROM base;"
      "CREATE TABLE parent (id int); CREATE TABLE child () INHERITS (parent);"
      "CREATE TABLE p (id int) PARTITION BY LIST (id);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)");
  expect_refusal(findings(job_for("v")), "v", "a view");
  expect_refusal(findings(job_for("parent")), "parent", "inheritance");
  expect_refusal(findings(job_for("child")), "child", "inheritance");
  expect_refusal(findings(job_for("p1")), "p1", "partition");
}

TEST_F(PreflightTest, RefusesForeignPartitions) {
  sql("CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;"
      "CREATE TABLE p (id int) PARTITION BY LIST (id);"
      "CREATE FOREIGN TABLE far_p PARTITION OF p FOR VALUES IN (1) SERVER far");
  expect_refusal(findings(job_for("p")), "far_p", "a foreign table");
}

TEST_F(PreflightTest, RefusesTablesOfCitus) {
  create_citus_catalog();
  sql("CREATE TABLE apart (id int PRIMARY KEY); CREATE TABLE copied (id int PRIMARY KEY);"
      "CREATE TABLE managed (id int PRIMARY KEY); CREATE TABLE plain (id int PRIMARY KEY);"
      "INSERT INTO pg_dist_partition VALUES ('apart', 'h', '{VAR}', 1, 's', false),"
      " ('copied', 'n', NULL, 2, 't', false), ('managed', 'n', NULL, 0, 's', true)");
  expect_refusal(findings(job_for("apart")), "apart", "distributed by Citus");
  expect_refusal(findings(job_for("copied")), "copied", "a reference table of Citus");
  expect_refusal(findings(job_for("managed")), "managed", "a local table that Citus manages");
  EXPECT_THAT(findings(job_for("plain")), IsEmpty());
}

TEST_F(PreflightTest, RefusesNamesThatAreTaken) {
  sql("CREATE TABLE t (id int PRIMARY KEY, at date); CREATE TABLE u (id int);"
      "CREATE INDEX ix_t_org_id ON t (at)");
  expect_refusal(findings(job_for("t")), "t", "is not the one the job wants");
  sql("DROP INDEX ix_t_org_id; CREATE INDEX ix_t_org_id ON u (id)");
  expect_refusal(findings(job_for("t")), "t", "taken by an index of table u");
  sql("DROP INDEX ix_t_org_id; CREATE SEQUENCE ix_t_org_id");
  expect_refusal(findings(job_for("t")), "t", "taken by another relation");
  sql("DROP SEQUENCE ix_t_org_id; ALTER TABLE t ADD CONSTRAINT fk_t_org_id_organizations"
      " CHECK (id > 0)");
  expect_refusal(findings(job_for("t")), "t", "fk_t_org_id_organizations exists");
}

TEST_F(PreflightTest, RefusesForeignKeysThatDelete) {
  sql("CREATE TABLE t (id int PRIMARY KEY, org_id uuid REFERENCES organizations ON DELETE "
      "CASCADE)");
  expect_refusal(findings(job_for("t")), "t", "t_org_id_fkey");
}

TEST_F(PreflightTest, RefusesColumnsThatTakeNoValue) {
  sql("CREATE TABLE t (id int PRIMARY KEY, org_id uuid GENERATED ALWAYS AS"
      " ('00000000-0000-0000-0000-000000000001'::uuid) STORED)");
  expect_refusal(findings(job_for("t")), "t.org_id", "generated");
}

TEST_F(PreflightTest, RefusesLeftovers) {
  sql("CREATE TABLE t (id int PRIMARY KEY, org_id uuid,"
      " CONSTRAINT pgbackfill_org_id_not_null CHECK (org_id IS NOT NULL) NOT VALID)");
  expect_refusal(findings(job_for("t")), "t", "pgbackfill_org_id_not_null");
}

TEST_F(PreflightTest, RefusesOrganizationsThatDoNotExist) {
  sql("CREATE TABLE t (id int PRIMARY KEY, team_id int)");
  JobSpec spec = job_for("t");
  spec.of<EnsureSpec>().clear();
  expect_refusal(findings(spec), "organizations", "00000000-0000-0000-0000-000000000001");

  spec = lookup_job({{"1", "00000000-0000-0000-0000-000000000001"},
                     {"2", "00000000-0000-0000-0000-00000000000F"}});
  const auto all = findings(spec);
  expect_refusal(all, "organizations", "00000000-0000-0000-0000-00000000000F (teams.csv:3)");
  sql("INSERT INTO organizations VALUES ('00000000-0000-0000-0000-00000000000f', 'F')");
  EXPECT_THAT(findings(spec), IsEmpty());
}

TEST_F(PreflightTest, ListsLookupKeysThatAreMissing) {
  sql("CREATE TABLE t (id serial PRIMARY KEY, team_id int);"
      "INSERT INTO t (team_id) SELECT i % 20 FROM generate_series(1, 100) i;"
      "INSERT INTO t (team_id) VALUES (NULL), (7)");
  JobSpec spec = lookup_job({{"1", std::string(test::kDefaultOrg)}});
  const auto all = findings(spec);
  expect_refusal(all, "t", "97 rows have a team_id that lookup teams does not have: 7 (6 rows), ");
  EXPECT_THAT(all.back().message, HasSubstr("and 10 more"));
  spec.tables[0].value->otherwise.kind = Otherwise::Kind::kQuarantine;
  EXPECT_THAT(findings(spec), IsEmpty());
}

TEST_F(PreflightTest, DataIsOnlyCheckedWhereItIsStillNeeded) {
  sql("CREATE TABLE t (id int PRIMARY KEY, team_id int, org_id uuid);"
      "INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001', 'D');"
      "INSERT INTO t VALUES (1, 99, '00000000-0000-0000-0000-000000000001')");
  EXPECT_THAT(findings(lookup_job({{"1", std::string(test::kDefaultOrg)}})), IsEmpty());
  sql("UPDATE t SET org_id = NULL");
  expect_refusal(findings(lookup_job({{"1", std::string(test::kDefaultOrg)}})), "t",
                 "1 row has a team_id");
}

TEST_F(PreflightTest, CountsRowsWithoutAParent) {
  sql("CREATE TABLE parents (id int PRIMARY KEY); INSERT INTO parents VALUES (1);"
      "CREATE TABLE t (id serial PRIMARY KEY, parent_id int);"
      "INSERT INTO t (parent_id) VALUES (1), (NULL), (NULL), (5)");
  JobSpec spec = job_for("t", from_parent("parents", "parent_id"));
  spec.tables.push_back(table("parents"));
  expect_refusal(findings(spec), "t", "2 of its rows have no parent_id, and 1 have one without");
  spec.tables[0].value->otherwise = {Otherwise::Kind::kConstant, std::string(test::kDefaultOrg)};
  EXPECT_THAT(findings(spec), IsEmpty());
}

TEST_F(PreflightTest, NeedsAParentWithTheColumn) {
  sql("CREATE TABLE parents (id int PRIMARY KEY);"
      "CREATE TABLE t (id serial PRIMARY KEY, parent_id int NOT NULL REFERENCES parents)");
  expect_refusal(findings(job_for("t", from_parent("parents", "parent_id"))), "t",
                 "has no column org_id");
}

TEST_F(PreflightTest, AsksTheServerAboutExpressions) {
  sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)");
  expect_refusal(findings(job_for("t", from_sql("no_such_column"))), "t", "no_such_column");
  expect_refusal(findings(job_for("t", from_sql("t.id +"))), "t", "syntax error");
  expect_refusal(findings(job_for("t", from_sql("t.id"))), "t", "cannot cast");
}

TEST_F(PreflightTest, ChecksExpressionsOverColumnsThatAreStillToCome) {
  sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)");
  const auto with = [&](const std::string& expression) {
    JobSpec spec = job_for("t", from_sql(expression));
    spec.tables.push_back(table("other"));
    return findings(spec);
  };
  EXPECT_THAT(with("(SELECT o.org_id FROM other o WHERE o.id = t.id)"), IsEmpty());
  expect_refusal(with("(SELECT o.org_id FROM other o WHERE o.no = t.id)"), "t", "o.no");
  expect_refusal(with("(SELECT o.org_id::text FROM other o WHERE o.org_id = 5)"), "t", "uuid");
  expect_warning(with("(SELECT o.org_id FROM public.other o WHERE o.id = t.id)"), "t",
                 "cannot be checked before org_id exists");
  EXPECT_EQ(value("SELECT count(*) FROM pg_class WHERE relname = 'other'"), "1");
}

TEST_F(PreflightTest, WarnsOfWhatMakesTheBackfillSlow) {
  sql("CREATE TABLE t (id int PRIMARY KEY, org_id uuid); CREATE INDEX ix_t_org_id ON t (org_id)");
  expect_warning(findings(job_for("t")), "t.org_id", "ix_t_org_id");
}

TEST_F(PreflightTest, WarnsOfPublications) {
  sql("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION news FOR TABLE t");
  expect_warning(findings(job_for("t")), "t", "news");
}

TEST_F(PreflightTest, CountsRowsOfEveryUnmappedLabel) {
  create_enum();
  sql("INSERT INTO users VALUES (1, 'manager'), (2, 'manager')");
  JobSpec spec = enum_job();
  spec.of<EnumSpec>()[0].map = {{"user", "worker"}};
  expect_refusal(findings(spec), "type role", "'manager' is neither mapped nor among");
  EXPECT_THAT(findings(spec).back().message, HasSubstr("2 rows have it"));
  sql("DELETE FROM users");
  expect_refusal(findings(spec), "type role", "0 rows have it");
  spec.of<EnumSpec>()[0].on_unmapped = "boss";
  EXPECT_THAT(findings(spec), IsEmpty());
}

TEST_F(PreflightTest, NamesEveryDependentOfAReplacedType) {
  create_enum();
  EXPECT_THAT(findings(enum_job()), IsEmpty());
  struct Case {
    std::string statement;
    std::string object;
    std::string undo;
  };
  const std::vector<Case> dependents{
      {"CREATE DOMAIN d AS role[]; CREATE TABLE lists (d d[])", "column d of table lists",
       "DROP TABLE lists; DROP DOMAIN d"},
      {"CREATE TYPE span AS RANGE (subtype = role)", "type span", "DROP TYPE span"},
      {"CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS"
       " $$ SELECT count(*) FROM users WHERE role::text = 'user' $$",
       "function f()", "DROP FUNCTION f()"},
  };
  for (const Case& dependent : dependents) {
    SCOPED_TRACE(dependent.statement);
    sql(dependent.statement);
    expect_refusal(findings(enum_job()), dependent.object, "");
    sql(dependent.undo);
  }
}

TEST_F(PreflightTest, RenamingOnlyMindsTheTextOfFunctions) {
  create_enum();
  JobSpec spec = enum_job();
  spec.of<EnumSpec>()[0].strict_order = false;
  sql("CREATE VIEW v AS SELECT role FROM users;"
      "CREATE FUNCTION g(role) RETURNS int LANGUAGE sql AS 'SELECT 1'");
  EXPECT_THAT(findings(spec), IsEmpty());
  sql("CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS"
      " $$ SELECT count(*) FROM users WHERE role = 'user' $$");
  expect_refusal(findings(spec), "function f()", "label that changes");
  spec.run.accept.emplace(kAcceptFunctionBodies);
  expect_warning(findings(spec), "function f(), whose body has the literal 'user'",
                 "label that changes");
}

TEST_F(PreflightTest, RefusesDefaultsThatAreNotLabels) {
  create_enum();
  sql("ALTER TABLE users ALTER role SET DEFAULT lower('USER')::role");
  expect_refusal(findings(enum_job()), "users.role", "not a plain label");
}

TEST_F(PreflightTest, RefusesDeferrableEnumKeysOfPartitionedTables) {
  create_enum();
  sql("CREATE TABLE p (id int, role role) PARTITION BY LIST (id); CREATE INDEX ix_p ON p (role)");
  EXPECT_THAT(findings(enum_job()), IsEmpty());
  sql("ALTER TABLE p ADD CONSTRAINT later UNIQUE (id, role) DEFERRABLE");
  expect_refusal(findings(enum_job()), "index later of table p", "partitioned");
}

TEST_F(PreflightTest, RefusesNamesOfTheSwapThatAreTaken) {
  create_enum();
  sql("ALTER TABLE users ADD pgbackfill_old_role int");
  expect_refusal(findings(enum_job()), "users", "column pgbackfill_old_role");
}

TEST_F(PreflightTest, RefusesKeysThatTheServerGenerates) {
  sql("CREATE TABLE teams (team_id int PRIMARY KEY, org_id uuid NOT NULL);"
      "CREATE TABLE orders (id int PRIMARY KEY, code text, "
      "  team_id int GENERATED ALWAYS AS (length(code)) STORED)");
  JobSpec spec = job();
  spec.tables = {table("teams"), table("orders", from_parent("teams", "team_id"))};
  expect_refusal(findings(spec), "orders.team_id", "generated");
}

/// teams a and b by a lookup; clients and bookings belong to teams; bookings refer to both.
class PreflightCrossTenantTest : public PreflightTest {
 protected:
  JobSpec contradicting() {
    sql("INSERT INTO organizations VALUES ('00000000-0000-0000-0000-00000000000a', 'A'),"
        " ('00000000-0000-0000-0000-00000000000b', 'B');"
        "CREATE TABLE teams (team_id int PRIMARY KEY);"
        "CREATE TABLE clients (client_id int PRIMARY KEY, team_id int NOT NULL REFERENCES teams);"
        "CREATE TABLE bookings (id int PRIMARY KEY, team_id int REFERENCES teams,"
        "  client_id int CONSTRAINT booked_by REFERENCES clients);"
        "INSERT INTO teams VALUES (1), (2); INSERT INTO clients VALUES (1, 1), (2, 2);"
        "INSERT INTO bookings VALUES (1, 1, 1), (2, 2, 2), (3, 1, 2), (4, 2, 1), (5, NULL, 1),"
        "  (6, 1, NULL)");
    JobSpec spec = job();
    LookupSpec lookup;
    lookup.name = "team_orgs";
    lookup.entries = {{"1", "00000000-0000-0000-0000-00000000000a"},
                      {"2", "00000000-0000-0000-0000-00000000000b"}};
    lookup.lines = {2, 3};
    spec.lookups.push_back(lookup);
    auto by_team = from_parent("teams", "team_id");
    by_team.otherwise = {Otherwise::Kind::kConstant, std::string(test::kDefaultOrg)};
    spec.tables = {table("teams", from_lookup("team_orgs", "team_id")),
                   table("clients", from_parent("teams", "team_id")), table("bookings", by_team)};
    return spec;
  }
};

TEST_F(PreflightCrossTenantTest, CountsRowsWhoseParentsLieApartForEachForeignKey) {
  const JobSpec spec = contradicting();
  const auto found = findings(spec);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].refuses);
  EXPECT_EQ(found[0].object, "bookings.booked_by");
  EXPECT_THAT(found[0].message, HasSubstr("3 rows will lie in another organization than the row of "
                                          "clients that they refer to"));
  EXPECT_THAT(found[0].message, HasSubstr("id=3 (00000000-0000-0000-0000-00000000000a, but "
                                          "00000000-0000-0000-0000-00000000000b)"));
}

TEST_F(PreflightCrossTenantTest, RefusesThemWhereTheFileSaysSo) {
  JobSpec spec = contradicting();
  spec.run.cross_tenant = CrossTenant::kRefuse;
  expect_refusal(findings(spec), "bookings.booked_by", "3 rows");
  sql("DELETE FROM bookings WHERE id IN (3, 4, 5)");
  EXPECT_THAT(findings(spec), IsEmpty());
}

TEST_F(PreflightCrossTenantTest, TakesValuesThatAreThereAlready) {
  JobSpec spec = contradicting();
  sql("DELETE FROM bookings WHERE id IN (4, 5);"
      "ALTER TABLE bookings ADD org_id uuid;"
      "UPDATE bookings SET org_id = '00000000-0000-0000-0000-00000000000b' WHERE id = 3");
  const auto found = findings(spec);
  ASSERT_EQ(found.size(), 1U) << "row 3 agrees with its client now, and no longer with its team";
  EXPECT_EQ(found[0].object, "bookings.bookings_team_id_fkey");
}

TEST_F(PreflightCrossTenantTest, SaysWhatItCannotTell) {
  JobSpec spec = contradicting();
  spec.run.cross_tenant = CrossTenant::kRefuse;
  sql("DELETE FROM bookings WHERE id IN (3, 4, 5)");
  spec.tables[1] = table(
      "clients", from_sql("(SELECT m.org_id FROM teams m WHERE m.team_id = clients.team_id)"));
  const auto found = findings(spec);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].refuses);
  EXPECT_EQ(found[0].object, "clients");
  EXPECT_THAT(found[0].message, HasSubstr("cannot be told"));
}

}  // namespace
}  // namespace pgbackfill::planner
