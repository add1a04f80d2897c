#include "sql/catalog.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgbackfill::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// A type with a column in an ordinary and in a partitioned table, both of which have everything
/// that a conversion carries over by itself.
class EnumDependentsTest : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql("CREATE TYPE role AS ENUM ('user', 'admin');"
        "CREATE TABLE u (id int PRIMARY KEY, r role NOT NULL DEFAULT 'user', name text);"
        "CREATE INDEX plain ON u (r, name);"
        "CREATE TABLE p (id int, r role NOT NULL DEFAULT 'user') PARTITION BY LIST (id);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
        "CREATE INDEX plain_p ON p (r);"
        "CREATE SCHEMA pgbackfill;"
        "CREATE FUNCTION pgbackfill.sync(role) RETURNS text LANGUAGE sql AS $$ SELECT 'user' $$;"
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER zzz_pgbackfill_sync BEFORE UPDATE OF r ON u"
        " FOR EACH ROW EXECUTE FUNCTION touch()");
  }

  std::vector<Dependent> dependents() {
    const Catalog catalog = read_catalog(session());
    return read_enum_dependents(session(), *catalog.enum_type({"public", "role"}),
                                {"user", "it's"});
  }

  /// "kind: description" of each.
  std::vector<std::string> found() {
    std::vector<std::string> texts;
    for (const Dependent& dependent : dependents()) {
      texts.push_back(dependent.kind + ": " + dependent.description);
    }
    return texts;
  }
};

TEST_F(EnumDependentsTest, WhatIsCarriedOverIsNone) { EXPECT_THAT(found(), IsEmpty()); }

TEST_F(EnumDependentsTest, NamesTableAndColumn) {
  sql("CREATE VIEW v AS SELECT r FROM u");
  const auto all = dependents();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].table, (QualifiedName{"public", "u"}));
  EXPECT_EQ(all[0].column, "r");
}

TEST_F(EnumDependentsTest, ViewsAndRules) {
  sql("CREATE VIEW direct AS SELECT r FROM u; CREATE VIEW indirect AS SELECT r FROM direct;"
      "CREATE VIEW constant AS SELECT id FROM u WHERE name = 'admin'::role::text;"
      "CREATE MATERIALIZED VIEW stored AS SELECT r FROM u;"
      "CREATE RULE quiet AS ON UPDATE TO u WHERE NEW.r = 'admin' DO ALSO NOTHING");
  EXPECT_THAT(found(), UnorderedElementsAre("pg_rewrite: view direct", "pg_rewrite: view indirect",
                                            "pg_rewrite: view constant",
                                            "pg_rewrite: materialized view stored",
                                            "pg_rewrite: rule quiet on table u"));
}

TEST_F(EnumDependentsTest, PoliciesTriggersAndGeneratedColumns) {
  sql("CREATE POLICY mine ON u USING (r = 'admin');"
      "CREATE TRIGGER watch BEFORE UPDATE OF r ON u FOR EACH ROW EXECUTE FUNCTION touch();"
      "CREATE TRIGGER whenever BEFORE UPDATE ON u FOR EACH ROW WHEN (NEW.r = 'admin')"
      " EXECUTE FUNCTION touch();"
      "ALTER TABLE u ADD is_admin bool GENERATED ALWAYS AS (r = 'admin') STORED");
  const auto texts = found();
  EXPECT_THAT(texts, ::testing::IsSupersetOf({"pg_policy: policy mine on table u",
                                              "pg_trigger: trigger watch on table u",
                                              "pg_trigger: trigger whenever on table u"}));
  EXPECT_THAT(texts, ::testing::Contains(::testing::HasSubstr("column is_admin of table u")));
  EXPECT_EQ(texts.size(), 4U);
}

TEST_F(EnumDependentsTest, AGeneratedColumnOfTheType) {
  sql("ALTER TABLE u ADD again role GENERATED ALWAYS AS ('admin'::role) STORED");
  EXPECT_THAT(found(), ::testing::Contains(::testing::HasSubstr("column again of table u")));
}

TEST_F(EnumDependentsTest, Constraints) {
  sql("ALTER TABLE u ADD CONSTRAINT known CHECK (r <> 'admin');"
      "ALTER TABLE u ADD CONSTRAINT once UNIQUE (r, id);"
      "CREATE TABLE roles (r role PRIMARY KEY);"
      "ALTER TABLE u ADD CONSTRAINT listed FOREIGN KEY (r) REFERENCES roles;"
      "ALTER TABLE p ADD CONSTRAINT parted CHECK (r <> 'admin')");
  EXPECT_THAT(found(), UnorderedElementsAre("pg_constraint: constraint known on table u",
                                            "pg_constraint: constraint once on table u",
                                            "pg_constraint: constraint listed on table u",
                                            "pg_constraint: constraint roles_pkey on table roles",
                                            "pg_constraint: constraint parted on table p"));
}

TEST_F(EnumDependentsTest, IndexesThatAreNotPlain) {
  sql("CREATE INDEX partial ON u (id) WHERE r = 'admin';"
      "CREATE INDEX expression ON u ((r = 'admin'));"
      "CREATE UNIQUE INDEX alone ON u (r, id);"
      "CREATE STATISTICS together ON r, name FROM u");
  EXPECT_THAT(found(), UnorderedElementsAre("pg_class: index partial", "pg_class: index expression",
                                            "pg_class: index alone",
                                            "pg_statistic_ext: statistics object together"));
}

TEST_F(EnumDependentsTest, FunctionsCastsAndAggregates) {
  std::vector<std::string> expected{"pg_proc: function takes(role)", "pg_proc: function gives()",
                                    "pg_proc: function to_int(role)",
                                    "pg_cast: cast from role to integer",
                                    "pg_proc: function highest(role)"};
  if (session().server_version() >= 140000) {
    sql("CREATE FUNCTION atomic() RETURNS bigint LANGUAGE sql"
        " BEGIN ATOMIC SELECT count(*) FROM u WHERE r = 'admin'; END");
    expected.emplace_back("pg_proc: function atomic()");
  }
  sql("CREATE FUNCTION takes(role) RETURNS int LANGUAGE sql AS 'SELECT 1';"
      "CREATE FUNCTION gives() RETURNS role LANGUAGE sql AS $$ SELECT 'admin'::role $$;"
      "CREATE FUNCTION to_int(role) RETURNS int LANGUAGE sql AS 'SELECT 1';"
      "CREATE CAST (role AS int) WITH FUNCTION to_int(role);"
      "CREATE AGGREGATE highest(role) (sfunc = enum_larger, stype = role)");
  EXPECT_THAT(found(), ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(EnumDependentsTest, OtherTypesAndColumns) {
  sql("CREATE DOMAIN limited AS role; CREATE TYPE pair AS (a int, r role);"
      "CREATE TYPE span AS RANGE (subtype = role); CREATE TABLE many (rs role[]);"
      "CREATE TABLE elsewhere (t text DEFAULT 'admin'::role::text)");
  EXPECT_THAT(found(), UnorderedElementsAre(
                           "pg_type: type limited", "pg_class: column r of composite type pair",
                           "pg_type: type span", "pg_class: column rs of table many",
                           "pg_attrdef: default value for column t of table elsewhere"));
}

TEST_F(EnumDependentsTest, ForeignTables) {
  sql("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
      "CREATE FOREIGN TABLE far (r role) SERVER s");
  EXPECT_THAT(found(), ElementsAre("pg_class: column r of foreign table far"));
}

TEST_F(EnumDependentsTest, PartitionKeysAndInheritance) {
  sql("CREATE TABLE by_role (r role) PARTITION BY LIST (r);"
      "CREATE TABLE by_text (r role, k int) PARTITION BY RANGE (k, (r IS NULL));"
      "CREATE TABLE parent (r role); CREATE TABLE child () INHERITS (parent)");
  EXPECT_THAT(found(),
              UnorderedElementsAre("pg_partitioned_table: partition key of table by_role",
                                   "pg_partitioned_table: partition key of table by_text",
                                   "pg_inherits: inheritance of table child from table parent",
                                   "pg_inherits: inheritance of table child from table parent"));
}

TEST_F(EnumDependentsTest, ADefaultOfOnePartitionAlone) {
  sql("ALTER TABLE p1 ALTER r SET DEFAULT 'admin'");
  EXPECT_THAT(found(), ElementsAre("pg_attrdef: default value for column r of table p1"));
}

TEST_F(EnumDependentsTest, WhatOnePartitionHasAlone) {
  sql("CREATE VIEW leaf AS SELECT r FROM p1; CREATE INDEX local ON p1 (r, id);"
      "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (r);"
      "CREATE TABLE p2a PARTITION OF p2 DEFAULT;"
      "ALTER TABLE p1 ADD CONSTRAINT own CHECK (r <> 'admin')");
  EXPECT_THAT(found(), UnorderedElementsAre("pg_rewrite: view leaf", "pg_class: index local",
                                            "pg_partitioned_table: partition key of table p2",
                                            "pg_constraint: constraint own on table p1"));
}

TEST_F(EnumDependentsTest, PublicationsWithAColumnList) {
  if (session().server_version() < 150000) {
    // There are none, and a publication of whole rows does not depend on a column's type.
    sql("CREATE PUBLICATION whole FOR TABLE u");
    EXPECT_THAT(found(), IsEmpty());
    return;
  }
  sql("CREATE PUBLICATION listing FOR TABLE u (id, r)");
  EXPECT_THAT(found(),
              ElementsAre("pg_publication_rel: publication of table u in publication listing"));
}

TEST_F(EnumDependentsTest, FunctionBodies) {
  sql("CREATE FUNCTION names_table() RETURNS bigint LANGUAGE plpgsql AS"
      " $$ BEGIN RETURN (SELECT count(*) FROM U WHERE r = 'user'); END $$;"
      "CREATE FUNCTION names_type() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN "
      "'it''s'::role; END $$;"
      "CREATE FUNCTION other_label() RETURNS text LANGUAGE plpgsql AS"
      " $$ BEGIN RETURN (SELECT max(r) FROM u WHERE r = 'admin'); END $$;"
      "CREATE FUNCTION no_table() RETURNS text LANGUAGE plpgsql AS"
      " $$ BEGIN RETURN 'user' || ' of urole'; END $$;"
      "CREATE FUNCTION of_trigger() RETURNS trigger LANGUAGE plpgsql AS"
      " $$ BEGIN IF NEW.r = 'user' THEN RETURN NULL; END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION of_trigger()");
  EXPECT_THAT(found(), UnorderedElementsAre(
                           "pg_proc: function names_table(), whose body has the literal 'user'",
                           "pg_proc: function names_type(), whose body has the literal 'it''s'",
                           "pg_proc: function of_trigger(), whose body has the literal 'user'"));
}

}  // namespace
}  // namespace pgbackfill::sql
