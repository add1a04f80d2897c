#include "planner/operations/enum/enum_spec.hpp"
#include "planner/plan/plan.hpp"
#include "tests/planner/plan_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pgbackfill::planner {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// 63 bytes, the longest name there is.
const std::string kLongName(63, 'l');

/// Tables of every shape: a partitioned one, odd and very long names, parents, no key.
class PlanTest : public test::PlanFixture {
 protected:
  void create_tables() {
    sql("INSERT INTO organizations VALUES ('00000000-0000-0000-0000-00000000000a', 'A'),"
        " ('00000000-0000-0000-0000-00000000000b', 'B');"
        "CREATE TABLE teams (team_id int PRIMARY KEY, name text);"
        "INSERT INTO teams SELECT i, 'team ' || i FROM generate_series(1, 4) i;"
        "CREATE TABLE bookings (id int, at date, team_id int NOT NULL, PRIMARY KEY (id, at))"
        " PARTITION BY RANGE (at);"
        "CREATE TABLE bookings_1 PARTITION OF bookings FOR VALUES FROM ('2020-01-01') TO "
        "('2021-01-01')"
        " PARTITION BY RANGE (id);"
        "CREATE TABLE bookings_1a PARTITION OF bookings_1 FOR VALUES FROM (0) TO (1000);"
        "CREATE TABLE bookings_2 PARTITION OF bookings FOR VALUES FROM ('2021-01-01') TO "
        "('2022-01-01');"
        "INSERT INTO bookings SELECT i, '2020-06-01'::date + i * 4, i % 4 + 1"
        " FROM generate_series(1, 100) i;"
        "CREATE TABLE \"Weird Table\" (\"the \"\"id\"\"\" int PRIMARY KEY, \"te am\" int"
        " REFERENCES teams, found int);"
        "INSERT INTO \"Weird Table\" VALUES (1, 1, 1), (2, 4, NULL), (3, NULL, 3);"
        "CREATE TABLE " +
        kLongName +
        " (a int, b text);"
        "INSERT INTO " +
        kLongName + " VALUES (1, 'A'), (2, 'B')");
  }

  JobSpec all_sources() {
    JobSpec spec = job();
    LookupSpec lookup;
    lookup.name = "team orgs";
    lookup.file = "teams.csv";
    lookup.entries = {{"1", "00000000-0000-0000-0000-00000000000a"},
                      {"2", "00000000-0000-0000-0000-00000000000b"},
                      {"3", "00000000-0000-0000-0000-00000000000a"},
                      {"4", "00000000-0000-0000-0000-00000000000b"}};
    lookup.lines = {2, 3, 4, 5};
    spec.lookups.push_back(lookup);
    auto weird = from_parent("teams", "te am");
    weird.otherwise = {Otherwise::Kind::kConstant, std::string(test::kDefaultOrg)};
    spec.tables = {
        table("Weird Table", weird), table("bookings", from_lookup("team orgs", "team_id")),
        table("teams", from_lookup("team orgs", "team_id")),
        table(kLongName, from_sql("(SELECT o.org_id FROM organizations o WHERE o.name = " +
                                  kLongName + ".b AND a > 0)"))};
    spec.tables[0].name = "\"Weird Table\"";
    spec.tables[1].indexes = {{"ix_bookings_org_at", {"org_id", "at"}, {}}};
    return spec;
  }

  std::vector<std::string> ids(const Plan& plan, Stage stage) {
    std::vector<std::string> found;
    for (const Step& step : plan.steps) {
      if (step.stage == stage) found.push_back(step.id);
    }
    return found;
  }

  void expect_tenant_done(const Plan& plan) {
    for (const TableTarget& target : plan.tables) {
      SCOPED_TRACE(target.table.display());
      const std::string relation = "'" + target.table.quoted() + "'::regclass";
      EXPECT_EQ(value("SELECT count(*) FROM " + target.table.quoted() + " WHERE org_id IS NULL"),
                "0");
      EXPECT_EQ(value("SELECT attnotnull AND NOT atthasdef FROM pg_attribute WHERE attrelid = " +
                      relation + " AND attname = 'org_id'"),
                "t");
      EXPECT_EQ(value("SELECT count(*) FROM pg_constraint WHERE conrelid = " + relation +
                      " AND contype = 'f' AND convalidated AND confdeltype = 'a' AND conname = " +
                      sql::quote_literal(target.foreign_key)),
                "1");
      EXPECT_EQ(value("SELECT count(*) FROM pg_constraint WHERE conrelid = " + relation +
                      " AND contype = 'c'"),
                "0");
      EXPECT_EQ(value("SELECT count(*) FROM pg_trigger WHERE tgrelid = " + relation +
                      " AND NOT tgisinternal"),
                "0");
      for (const IndexSpec& index : target.indexes) {
        EXPECT_EQ(value("SELECT indisvalid FROM pg_index WHERE indrelid = " + relation +
                        " AND indexrelid = to_regclass(" +
                        sql::quote_literal(sql::quote_identifier(index.name)) + ")"),
                  "t")
            << index.name;
      }
    }
    EXPECT_EQ(value("SELECT count(*) FROM pg_proc WHERE pronamespace = 'pgbackfill'::regnamespace"),
              "0");
  }
};

TEST_F(PlanTest, ReachesTheEndStateFromEverySource) {
  create_tables();
  const JobSpec spec = all_sources();
  const Plan plan = plan_of(spec);
  run(spec, plan);
  expect_tenant_done(plan);
  EXPECT_EQ(value("SELECT count(*) FROM bookings JOIN teams USING (team_id)"
                  " WHERE bookings.org_id <> teams.org_id"),
            "0");
  EXPECT_EQ(value("SELECT string_agg(right(org_id::text, 1), '' ORDER BY \"the \"\"id\"\"\")"
                  " FROM \"Weird Table\""),
            "ab1");
  EXPECT_EQ(value("SELECT string_agg(right(org_id::text, 1), '' ORDER BY a) FROM " + kLongName),
            "ab");
  EXPECT_EQ(value("SELECT to_regclass('pgbackfill.\"lookup_team orgs\"') IS NULL"), "t");
  EXPECT_EQ(value("SELECT name FROM organizations WHERE org_id = '" +
                  std::string(test::kDefaultOrg) + "'"),
            "It's default");
}

TEST_F(PlanTest, InversesGiveTheSchemaBack) {
  create_tables();
  const JobSpec spec = all_sources();
  const std::string before = schema_listing();
  const Plan plan = plan_of(spec);
  run(spec, plan, Stage::kEnsure, Stage::kIndex);
  EXPECT_NE(schema_listing(), before);
  take_back(plan, Stage::kEnsure);
  EXPECT_EQ(schema_listing(), before);
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
}

TEST_F(PlanTest, StagesGoBackOneByOneAndForthAgain) {
  create_tables();
  const JobSpec spec = all_sources();
  const Plan plan = plan_of(spec);
  run(spec, plan, Stage::kEnsure, Stage::kBackfill);
  const std::string filled = schema_listing();
  run(spec, plan, Stage::kEnforce, Stage::kIndex);
  take_back(plan, Stage::kEnforce);
  EXPECT_EQ(schema_listing(), filled);
  run(spec, plan, Stage::kEnforce, Stage::kFinish);
  expect_tenant_done(plan);
}

TEST_F(PlanTest, MaintenanceWindowNeedsFewerSteps) {
  create_tables();
  JobSpec spec = all_sources();
  spec.run.online = false;
  const Plan plan = plan_of(spec);
  for (const Step& step : plan.steps) {
    for (const std::string& statement : step.sql) {
      EXPECT_THAT(statement, Not(HasSubstr("CONCURRENTLY")));
    }
  }
  run(spec, plan);
  expect_tenant_done(plan);
}

TEST_F(PlanTest, ConstantOfANewColumnTouchesNoRow) {
  create_tables();
  JobSpec spec = job();
  spec.tables = {table("teams"), table("bookings")};
  const Plan plan = plan_of(spec);
  const std::string xmin = value("SELECT min(xmin::text) FROM teams");
  for (const char* id : {"backfill:teams", "backfill:bookings_1a", "backfill:bookings_2"}) {
    ASSERT_NE(plan.step(id), nullptr) << id;
    EXPECT_EQ(plan.step(id)->backfill->method, Method::kCatalog);
  }
  run(spec, plan);
  expect_tenant_done(plan);
  EXPECT_EQ(value("SELECT min(xmin::text) FROM teams"), xmin);
}

TEST_F(PlanTest, ConstantGoesByRowsWhereTheRowTypeIsUsedOrAskedFor) {
  sql("CREATE TABLE used (id int PRIMARY KEY); CREATE TABLE holder (row used);"
      "INSERT INTO used VALUES (1)");
  JobSpec spec = job();
  spec.tables = {table("used")};
  const Plan plan = plan_of(spec);
  EXPECT_EQ(plan.step("backfill:used")->backfill->method, Method::kUpdate);
  run(spec, plan);
  expect_tenant_done(plan);

  sql("CREATE TABLE other (id int PRIMARY KEY)");
  spec.tables = {table("other")};
  spec.run.method = MethodChoice::kUpdate;
  EXPECT_EQ(plan_of(spec).step("backfill:other")->backfill->method, Method::kUpdate);
}

TEST_F(PlanTest, TriggersFillWhatLiveWritersLeaveOut) {
  create_tables();
  const JobSpec spec = all_sources();
  const Plan plan = plan_of(spec);
  run(spec, plan, Stage::kEnsure, Stage::kExpand);
  sql("DELETE FROM \"Weird Table\"; DELETE FROM teams WHERE team_id = 2;"
      "INSERT INTO teams VALUES (2, 'again');"
      "INSERT INTO bookings VALUES (500, '2021-02-03', 2);"
      "INSERT INTO \"Weird Table\" VALUES (9, 2, 1), (10, NULL, 1), (11, 1, 1);"
      "INSERT INTO " +
      kLongName + " VALUES (5, 'B'), (6, 'nobody')");
  const std::string b = "00000000-0000-0000-0000-00000000000b";
  EXPECT_EQ(value("SELECT org_id FROM teams WHERE team_id = 2"), b);
  EXPECT_EQ(value("SELECT org_id FROM bookings WHERE id = 500"), b);
  EXPECT_EQ(value("SELECT org_id FROM \"Weird Table\" WHERE \"the \"\"id\"\"\" = 9"), b);
  EXPECT_EQ(value("SELECT org_id FROM \"Weird Table\" WHERE \"the \"\"id\"\"\" = 10"),
            test::kDefaultOrg);
  // Its parent has no organization yet: not the constant for those without a parent.
  EXPECT_EQ(value("SELECT org_id FROM \"Weird Table\" WHERE \"the \"\"id\"\"\" = 11"), "NULL");
  EXPECT_EQ(value("SELECT org_id FROM " + kLongName + " WHERE a = 5"), b);
  EXPECT_EQ(value("SELECT org_id FROM " + kLongName + " WHERE a = 6"), "NULL");
}

TEST_F(PlanTest, TriggersWorkForWritersWithoutPrivileges) {
  create_tables();
  const JobSpec spec = all_sources();
  run(spec, plan_of(spec), Stage::kEnsure, Stage::kExpand);
  sql("DROP ROLE IF EXISTS plan_writer; CREATE ROLE plan_writer;"
      "GRANT INSERT ON bookings TO plan_writer; SET ROLE plan_writer;"
      "INSERT INTO bookings VALUES (501, '2021-02-03', 1); RESET ROLE;"
      "REVOKE ALL ON bookings FROM plan_writer; DROP ROLE plan_writer");
  EXPECT_EQ(value("SELECT right(org_id::text, 1) FROM bookings WHERE id = 501"), "a");
}

TEST_F(PlanTest, ParentsComeFirstAndLargeTablesBeforeSmallOnes) {
  sql("CREATE TABLE root (id int PRIMARY KEY); CREATE TABLE small (id int PRIMARY KEY);"
      "CREATE TABLE large (id int PRIMARY KEY, pad text);"
      "INSERT INTO large SELECT i, repeat('x', 500) FROM generate_series(1, 500) i;"
      "CREATE TABLE child (id int PRIMARY KEY, root_id int REFERENCES root);"
      "CREATE TABLE grandchild (id int PRIMARY KEY, child_id int REFERENCES child)");
  JobSpec spec = job();
  spec.tables = {table("grandchild", from_parent("child", "child_id")),
                 table("child", from_parent("root", "root_id")), table("small"), table("large"),
                 table("root")};
  spec.run.method = MethodChoice::kCopy;
  const Plan plan = plan_of(spec);
  EXPECT_THAT(ids(plan, Stage::kBackfill),
              ElementsAre("backfill:large", "backfill:root", "backfill:small", "backfill:child",
                          "backfill:grandchild"));
  EXPECT_THAT(plan.step("backfill:grandchild")->after, ElementsAre("backfill:child"));
}

TEST_F(PlanTest, MentionsInExpressionsOrderTablesButNeverInACircle) {
  sql("CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY)");
  JobSpec spec = job();
  spec.tables = {table("one", from_sql("CASE WHEN exists (SELECT FROM two) THEN '" +
                                       std::string(test::kDefaultOrg) + "'::uuid END")),
                 table("two", from_sql("CASE WHEN exists (SELECT FROM one) THEN '" +
                                       std::string(test::kDefaultOrg) + "'::uuid END"))};
  const Plan plan = plan_of(spec);
  EXPECT_THAT(plan.step("backfill:one")->after, ElementsAre("backfill:two"));
  EXPECT_THAT(plan.step("backfill:two")->after, IsEmpty());
}

TEST_F(PlanTest, ReadsByBlockUnlessAskedForKeys) {
  sql("CREATE TABLE keyed (a int, b text, PRIMARY KEY (b, a)); CREATE TABLE keyless (a int)");
  JobSpec spec = job();
  spec.tables = {table("keyed"), table("keyless")};
  // Version 13 cannot read a range of blocks without reading all.
  const bool blocks = session().server_version() >= 140000;
  EXPECT_EQ(plan_of(spec).step("backfill:keyed")->backfill->order,
            blocks ? ReadOrder::kBlock : ReadOrder::kKey);
  spec.run.order = OrderChoice::kKey;
  const Plan plan = plan_of(spec);
  const TableBackfill& keyed = *plan.step("backfill:keyed")->backfill;
  EXPECT_EQ(keyed.order, ReadOrder::kKey);
  ASSERT_EQ(keyed.key.size(), 2U);
  EXPECT_EQ(keyed.key[0].name, "b");
  EXPECT_EQ(keyed.key[1].type, "integer");
  EXPECT_EQ(plan.step("backfill:keyless")->backfill->order, ReadOrder::kBlock);
  EXPECT_THAT(plan.notes, Contains(HasSubstr("keyless")));
}

TEST_F(PlanTest, FindsRowsByTheKeyWhereTheHeapLiesInItsOrder) {
  sql("CREATE TABLE ordered (id bigint PRIMARY KEY) WITH (fillfactor = 80);"
      "INSERT INTO ordered SELECT generate_series(1, 1000);"
      "CREATE TABLE scattered (id uuid PRIMARY KEY);"
      "INSERT INTO scattered SELECT md5(i::text)::uuid FROM generate_series(1, 1000) i;"
      "CREATE TABLE unknown (id bigint PRIMARY KEY); ANALYZE ordered, scattered");
  JobSpec spec = job();
  spec.tables = {table("ordered"), table("scattered"), table("unknown")};
  spec.run.method = MethodChoice::kCopy;
  const Plan plan = plan_of(spec);
  const TableBackfill& ordered = *plan.step("backfill:ordered")->backfill;
  EXPECT_TRUE(ordered.clustered);
  EXPECT_EQ(ordered.fillfactor, 80);
  EXPECT_EQ(ordered.indexes, 1);
  // The stage, the COPY into it, the batch, then the late sweep's.
  EXPECT_THAT(plan.step("backfill:ordered")->sql.at(2), HasSubstr("t.\"id\" = s.k0"));
  EXPECT_FALSE(plan.step("backfill:scattered")->backfill->clustered);
  // By key, as they are read, where ranges of blocks cannot be read.
  const bool blocks = session().server_version() >= 140000;
  EXPECT_THAT(plan.step("backfill:scattered")->sql.at(2),
              HasSubstr(blocks ? "t.ctid = s.r" : "t.\"id\" = s.k0"));
  EXPECT_FALSE(plan.step("backfill:unknown")->backfill->clustered);
}

TEST_F(PlanTest, KeepsWhatAnExistingColumnHas) {
  sql("CREATE TABLE half (id int PRIMARY KEY, org_id uuid DEFAULT '" +
      std::string(test::kDefaultOrg) +
      "'); INSERT INTO half VALUES (1, NULL), (2, DEFAULT);"
      "CREATE TABLE done (id int PRIMARY KEY, org_id uuid NOT NULL REFERENCES organizations);"
      "CREATE INDEX ix_done_org_id ON done (org_id);"
      "CREATE TABLE late (id int PRIMARY KEY, org_id uuid NOT NULL DEFAULT '" +
      std::string(test::kDefaultOrg) + "'); INSERT INTO organizations VALUES ('" +
      std::string(test::kDefaultOrg) + "', 'there')");
  JobSpec spec = job();
  spec.tables = {table("half", from_sql("'" + std::string(test::kDefaultOrg) + "'::uuid")),
                 table("done"), table("late")};
  const std::string before = schema_listing();
  const Plan plan = plan_of(spec);
  for (const Step& step : plan.steps) EXPECT_NE(step.table, "done") << step.id;
  EXPECT_EQ(plan.step("ensure:organizations:row-1"), nullptr);
  EXPECT_EQ(plan.step("backfill:late"), nullptr);
  run(spec, plan, Stage::kEnsure, Stage::kIndex);
  expect_tenant_done(plan);
  take_back(plan, Stage::kEnsure);
  EXPECT_EQ(schema_listing(), before);
  EXPECT_EQ(value("SELECT count(*) FROM organizations"), "1");
}

TEST_F(PlanTest, RebuildsAnIndexThatAnInterruptedBuildLeft) {
  sql("CREATE TABLE t (id int PRIMARY KEY)");
  JobSpec spec = job();
  spec.tables = {table("t")};
  const Plan plan = plan_of(spec);
  run(spec, plan, Stage::kEnsure, Stage::kForeignKey);
  sql("CREATE INDEX ix_t_org_id ON t (org_id);"
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_t_org_id'::regclass");
  const Step* step = plan.step("index:t:create:ix_t_org_id");
  ASSERT_NE(step, nullptr);
  EXPECT_FALSE(holds(step->probe));
  EXPECT_TRUE(holds(step->leftover_probe));
  sql(step->leftover_sql);
  run(spec, plan, Stage::kIndex, Stage::kFinish);
  expect_tenant_done(plan);
}

TEST_F(PlanTest, ListedIndexThatLeadsWithTheColumnReplacesTheDefaultOne) {
  sql("CREATE TABLE t (id int PRIMARY KEY, at date); CREATE TABLE u (id int PRIMARY KEY, at date)");
  JobSpec spec = job();
  spec.tables = {table("t"), table("u")};
  spec.tables[0].indexes = {{"ix_t_org_at", {"org_id", "at"}, {}}};
  spec.tables[1].indexes = {{"ix_u_at_org", {"at", "org_id"}, {}}};
  const Plan plan = plan_of(spec);
  EXPECT_THAT(ids(plan, Stage::kIndex),
              ElementsAre("index:t:create:ix_t_org_at", "index:u:create:ix_u_at_org",
                          "index:u:create:ix_u_org_id"));
}

TEST_F(PlanTest, OptionalTablesAreNoted) {
  JobSpec spec = job();
  spec.tables = {table("not_there")};
  spec.tables[0].required = false;
  EXPECT_THAT(plan_of(spec).notes, Contains(HasSubstr("not_there")));
}

TEST_F(PlanTest, StoredPlanIsTheSame) {
  create_tables();
  const Plan plan = plan_of(all_sources());
  EXPECT_EQ(to_json(plan_from_json(to_json(plan))), to_json(plan));
  EXPECT_EQ(to_sql(plan_from_json(to_json(plan))), to_sql(plan));
}

/// A type in use in two tables, one of them also a table of the job.
class PlanEnumTest : public PlanTest {
 protected:
  void SetUp() override {
    PlanTest::SetUp();
    sql("CREATE TYPE \"user Role\" AS ENUM ('user', 'admin', 'man''ager');"
        "COMMENT ON TYPE \"user Role\" IS 'what one may';"
        "CREATE TABLE users (id int PRIMARY KEY, role \"user Role\" NOT NULL DEFAULT 'user',"
        " second \"user Role\", email text, kind text);"
        "COMMENT ON COLUMN users.role IS 'the role';"
        "DROP ROLE IF EXISTS plan_reader; CREATE ROLE plan_reader;"
        "GRANT SELECT (role) ON users TO plan_reader; GRANT USAGE ON TYPE \"user Role\" TO "
        "plan_reader;"
        "ALTER TABLE users ALTER role SET STATISTICS 17;"
        "CREATE INDEX \"ix role\" ON users (role DESC, email text_pattern_ops) INCLUDE (kind)"
        " WITH (fillfactor = 70);"
        "CREATE INDEX ix_second ON users USING hash (second);"
        "ALTER TABLE users CLUSTER ON \"ix role\";"
        "INSERT INTO users SELECT i, (ARRAY['user', 'admin', 'man''ager'])[i % 3 + 1]::\"user "
        "Role\","
        " CASE WHEN i % 2 = 0 THEN 'admin'::\"user Role\" END, 'e' || i FROM generate_series(1, "
        "30) i;"
        "CREATE TABLE members (id int PRIMARY KEY, role \"user Role\");"
        "INSERT INTO members VALUES (1, 'user'), (2, NULL)");
  }

  void TearDown() override {
    sql("DROP OWNED BY plan_reader; DROP ROLE plan_reader");
    PlanTest::TearDown();
  }

  static JobSpec remap_job() {
    JobSpec spec = job();
    spec.tables = {table("users")};
    EnumSpec type;
    type.type = "\"user Role\"";
    type.values = {"worker", "foreman", "man'ager", "admin"};
    type.map = {{"user", "worker"}};
    spec.of<EnumSpec>() = {type};
    return spec;
  }

  /// The schema with what the job is to change about the type left out.
  std::string described() {
    return value(
        "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
        "SELECT pg_get_indexdef(indexrelid) || indisvalid || indisclustered AS line"
        " FROM pg_index WHERE indrelid = 'users'::regclass"
        " UNION ALL SELECT format('%s %s %s %s %s %s', attname, format_type(atttypid, -1),"
        " attnotnull, attstattarget, attacl, col_description(attrelid, attnum))"
        " FROM pg_attribute WHERE attrelid IN ('users'::regclass, 'members'::regclass)"
        " AND attnum > 0 AND NOT attisdropped AND attname <> 'org_id'"
        " UNION ALL SELECT format('%s %s %s', typname,"
        " (SELECT array_agg(acl::text ORDER BY acl::text) FROM unnest(typacl) acl),"
        " obj_description(oid, 'pg_type'))"
        " FROM pg_type WHERE typtype = 'e') AS lines");
  }
};

TEST_F(PlanEnumTest, SwapKeepsEverythingButTheLabels) {
  JobSpec spec = remap_job();
  spec.tenant->index.clear();
  const std::string before = described();
  const Plan plan = plan_of(spec);
  run(spec, plan);
  EXPECT_EQ(described(), before);
  expect_tenant_done(plan);
  EXPECT_EQ(value("SELECT enum_range(NULL::\"user Role\")::text"),
            "{worker,foreman,man'ager,admin}");
  EXPECT_EQ(value("SELECT string_agg(role::text || coalesce(second::text, '-'), ',' ORDER BY id)"
                  " FROM users WHERE id <= 4"),
            "admin-,man'ageradmin,worker-,adminadmin");
  EXPECT_EQ(value("SELECT string_agg(coalesce(role::text, '-'), ',' ORDER BY id) FROM members"),
            "worker,-");
  sql("INSERT INTO users (id, org_id) VALUES (99, '" + std::string(test::kDefaultOrg) + "')");
  EXPECT_EQ(value("SELECT role FROM users WHERE id = 99"), "worker");
  EXPECT_EQ(value("SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
                  " WHERE relkind = 'r' AND attname LIKE '%pgbackfill%' AND NOT attisdropped"),
            "0");
}

TEST_F(PlanEnumTest, OneBackfillSetsBothColumns) {
  const Plan plan = plan_of(remap_job());
  const TableBackfill& backfill = *plan.step("backfill:users")->backfill;
  EXPECT_EQ(backfill.method, Method::kUpdate);
  ASSERT_EQ(backfill.assignments.size(), 3U);
  EXPECT_EQ(backfill.assignments[0].column, "org_id");
  EXPECT_EQ(backfill.assignments[1].column, "pgbackfill_new_role");
  EXPECT_EQ(backfill.assignments[1].resolve, ResolveKind::kRemap);
  EXPECT_EQ(backfill.assignments[1].input, "role");
  ASSERT_NE(plan.step("backfill:members"), nullptr);
}

TEST_F(PlanEnumTest, ShadowFollowsLiveWriters) {
  const JobSpec spec = remap_job();
  run(spec, plan_of(spec), Stage::kEnsure, Stage::kIndex);
  sql("INSERT INTO users (id, org_id) VALUES (99, '" + std::string(test::kDefaultOrg) +
      "');"
      "UPDATE users SET role = 'man''ager', second = 'user' WHERE id = 1;"
      "UPDATE users SET second = NULL WHERE id = 2");
  EXPECT_EQ(value("SELECT pgbackfill_new_role FROM users WHERE id = 99"), "worker");
  EXPECT_EQ(
      value("SELECT pgbackfill_new_role::text || pgbackfill_new_second FROM users WHERE id = 1"),
      "man'agerworker");
  EXPECT_EQ(value("SELECT pgbackfill_new_second FROM users WHERE id = 2"), "NULL");
}

TEST_F(PlanEnumTest, InversesBeforeTheSwapGiveTheSchemaBack) {
  const JobSpec spec = remap_job();
  const std::string before = schema_listing() + described();
  const Plan plan = plan_of(spec);
  run(spec, plan, Stage::kEnsure, Stage::kIndex);
  take_back(plan, Stage::kEnsure);
  EXPECT_EQ(schema_listing() + described(), before);
}

TEST_F(PlanEnumTest, TwoTypesOfOneTableAreSwappedOneAfterTheOther) {
  sql("CREATE TYPE size AS ENUM ('s', 'm'); ALTER TABLE users ADD size size NOT NULL DEFAULT 'm'");
  JobSpec spec = remap_job();
  EnumSpec size;
  size.type = "size";
  size.values = {"large", "small"};
  size.map = {{"s", "small"}, {"m", "large"}};
  spec.of<EnumSpec>().push_back(size);
  const Plan plan = plan_of(spec);
  run(spec, plan, Stage::kEnsure, Stage::kIndex);
  const Step* first = plan.step("finish:\"user Role\":swap");
  ASSERT_NE(first, nullptr);
  statements(first->sql, false);
  // Between the two swaps the application writes on.
  sql("INSERT INTO users (id, org_id, size) VALUES (99, '" + std::string(test::kDefaultOrg) +
      "', 's')");
  statements(plan.step("finish:size:swap")->sql, false);
  EXPECT_EQ(value("SELECT size FROM users WHERE id = 99"), "small");
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE size IS NULL"), "0");
}

TEST_F(PlanEnumTest, PartitionedTableIsConvertedThroughItsRoot) {
  sql("CREATE TABLE parts (id int, role \"user Role\" NOT NULL DEFAULT 'user') PARTITION BY LIST "
      "(id);"
      "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);"
      "INSERT INTO parts VALUES (1, 'user'), (1, 'admin')");
  const JobSpec spec = remap_job();
  run(spec, plan_of(spec));
  EXPECT_EQ(value("SELECT string_agg(role::text, ',' ORDER BY role) FROM parts"), "worker,admin");
  EXPECT_EQ(value("SELECT attnotnull FROM pg_attribute WHERE attrelid = 'parts_1'::regclass"
                  " AND attname = 'role'"),
            "t");
}

TEST_F(PlanEnumTest, RenamesWhereTheOrderAllows) {
  JobSpec spec = remap_job();
  spec.of<EnumSpec>()[0].values = {"visitor", "worker", "foreman", "admin", "man'ager"};
  const std::string before = described();
  const Plan plan = plan_of(spec);
  EXPECT_THAT(ids(plan, Stage::kExpand), Not(Contains(HasSubstr("create-type"))));
  run(spec, plan);
  EXPECT_EQ(value("SELECT enum_range(NULL::\"user Role\")::text"),
            "{visitor,worker,foreman,admin,man'ager}");
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE role = 'worker'"), "10");
}

TEST_F(PlanEnumTest, ExchangesLabels) {
  JobSpec spec = remap_job();
  spec.of<EnumSpec>()[0].values = {"admin", "user", "man'ager"};
  spec.of<EnumSpec>()[0].map = {{"user", "admin"}, {"admin", "user"}};
  const Plan plan = plan_of(spec);
  const std::string admins = value("SELECT count(*) FROM users WHERE role = 'admin' AND id < 5");
  run(spec, plan);
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE role = 'user' AND id < 5"), admins);
  EXPECT_EQ(value("SELECT enum_range(NULL::\"user Role\")::text"), "{admin,user,man'ager}");
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    if (step->id == "finish:\"user Role\":rename-values") statements(step->inverse, false);
  }
  EXPECT_EQ(value("SELECT enum_range(NULL::\"user Role\")::text"), "{user,admin,man'ager}");
}

TEST_F(PlanEnumTest, AnyOrderTakesTheCheaperPath) {
  JobSpec spec = remap_job();
  spec.of<EnumSpec>()[0].strict_order = false;
  const Plan plan = plan_of(spec);
  EXPECT_EQ(plan.step("expand:\"user Role\":create-type"), nullptr);
  run(spec, plan);
  EXPECT_EQ(value("SELECT count(*) FROM unnest(enum_range(NULL::\"user Role\"))"), "4");
}

TEST_F(PlanEnumTest, NothingToDoForLabelsThatStand) {
  JobSpec spec = remap_job();
  spec.of<EnumSpec>()[0].values = {"user", "admin", "man'ager"};
  spec.of<EnumSpec>()[0].map.clear();
  for (const Step& step : plan_of(spec).steps) {
    EXPECT_THAT(step.id, Not(HasSubstr("Role")));
    EXPECT_NE(step.table, "members");
  }
}

}  // namespace
}  // namespace pgbackfill::planner
