#include "sql/catalog.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pgbackfill::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class CatalogTest : public test::PgTest {
 protected:
  Catalog read() { return read_catalog(session()); }

  Table table(std::string_view name, std::string_view schema = "public") {
    const Catalog catalog = read();
    const Table* found = catalog.table({std::string(schema), std::string(name)});
    if (found == nullptr) throw std::runtime_error("no table " + std::string(name));
    return *found;
  }
};

TEST_F(CatalogTest, DescribesTheSession) {
  const Catalog catalog = read();
  EXPECT_EQ(catalog.server_version, session().server_version());
  EXPECT_EQ(catalog.database, database());
  EXPECT_EQ(catalog.current_user, "postgres");
  EXPECT_FALSE(catalog.in_recovery);
  EXPECT_FALSE(catalog.pooled);
  EXPECT_TRUE(catalog.may_create_schema);
  EXPECT_TRUE(catalog.may_create_temp);
  EXPECT_THAT(catalog.tables, IsEmpty());
  EXPECT_FALSE(session().in_transaction());
}

TEST_F(CatalogTest, ReadsColumns) {
  sql("CREATE TYPE mood AS ENUM ('ok'); CREATE DOMAIN d AS text;"
      "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, gone int, m mood NOT NULL DEFAULT 'ok',"
      " v varchar(36), d d, g int GENERATED ALWAYS AS (1) STORED, c text COLLATE \"C\");"
      "ALTER TABLE t DROP COLUMN gone");
  const Table t = table("t");
  std::vector<std::string> names;
  for (const Column& column : t.columns) names.push_back(column.name);
  EXPECT_THAT(names, ElementsAre("id", "m", "v", "d", "g", "c"));
  EXPECT_EQ(t.column("gone"), nullptr);
  EXPECT_TRUE(t.column("id")->identity);
  EXPECT_EQ(t.column("m")->attnum, 3);
  EXPECT_TRUE(t.column("m")->not_null);
  EXPECT_EQ(t.column("m")->type_kind, 'e');
  EXPECT_EQ(t.column("m")->type_name, (QualifiedName{"public", "mood"}));
  EXPECT_EQ(t.column("m")->default_expression, "'ok'::mood");
  EXPECT_EQ(t.column("v")->type, "character varying(36)");
  EXPECT_EQ(t.column("v")->collation, "default");
  EXPECT_FALSE(t.column("v")->not_null);
  EXPECT_EQ(t.column("d")->type_kind, 'd');
  EXPECT_TRUE(t.column("g")->generated);
  EXPECT_EQ(t.column("g")->default_expression, std::nullopt);
  EXPECT_EQ(t.column("c")->collation, "C");
  EXPECT_EQ(t.column("id")->collation, "");
}

TEST_F(CatalogTest, ReadsIndexes) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL, b int, c int, UNIQUE (a) INCLUDE (b));"
      "CREATE INDEX expression ON t (lower(a), c);"
      "CREATE INDEX partial ON t (id) WHERE b > 0;"
      "ALTER TABLE t REPLICA IDENTITY USING INDEX t_a_b_key");
  const Table t = table("t");
  ASSERT_EQ(t.indexes.size(), 4U);
  const Index& primary = *t.primary_key();
  EXPECT_EQ(primary.name, "t_pkey");
  EXPECT_TRUE(primary.unique && primary.primary && primary.valid && primary.immediate);
  EXPECT_TRUE(primary.backs_constraint);
  EXPECT_EQ(primary.method, "btree");
  EXPECT_THAT(primary.columns, ElementsAre("id"));
  EXPECT_THAT(primary.mentioned, ElementsAre("id"));
  const Index& unique = *t.index("t_a_b_key");
  EXPECT_THAT(unique.columns, ElementsAre("a"));
  EXPECT_THAT(unique.included, ElementsAre("b"));
  EXPECT_THAT(unique.mentioned, ElementsAre("a", "b"));
  EXPECT_TRUE(unique.replica_identity);
  const Index& expression = *t.index("expression");
  EXPECT_TRUE(expression.has_expressions);
  EXPECT_FALSE(expression.backs_constraint);
  EXPECT_THAT(expression.columns, ElementsAre("", "c"));
  EXPECT_THAT(expression.mentioned, ElementsAre("a", "c"));
  const Index& partial = *t.index("partial");
  EXPECT_TRUE(partial.partial);
  EXPECT_THAT(partial.mentioned, ElementsAre("id", "b"));
  EXPECT_NE(partial.definition.find("WHERE (b > 0)"), std::string::npos);
}

TEST_F(CatalogTest, AnInterruptedIndexIsNotValid) {
  sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)");
  EXPECT_THROW(sql("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)"), Error);
  EXPECT_FALSE(table("t").index("broken")->valid);
}

TEST_F(CatalogTest, ChoosesARowKey) {
  sql("CREATE TABLE with_primary (id int PRIMARY KEY, a int NOT NULL UNIQUE);"
      "CREATE TABLE with_unique (n int UNIQUE, a int NOT NULL, b int NOT NULL, UNIQUE (a, b));"
      "CREATE TABLE late (a int NOT NULL UNIQUE DEFERRABLE);"
      "CREATE TABLE partial (a int NOT NULL);"
      "CREATE UNIQUE INDEX ON partial (a) WHERE a > 0;"
      "CREATE TABLE expression (a int NOT NULL);"
      "CREATE UNIQUE INDEX ON expression ((a + 1))");
  const Catalog catalog = read();
  const auto key = [&](const char* name) { return catalog.table({"public", name})->row_key(); };
  EXPECT_TRUE(key("with_primary")->primary);
  EXPECT_THAT(key("with_unique")->columns, ElementsAre("a", "b"));
  EXPECT_EQ(key("late"), nullptr);
  EXPECT_EQ(key("partial"), nullptr);
  EXPECT_EQ(key("expression"), nullptr);
}

TEST_F(CatalogTest, ReadsConstraintsAndTriggers) {
  sql("CREATE TABLE org (a int, b int, PRIMARY KEY (b, a));"
      "CREATE TABLE t (x int, y int, CONSTRAINT low CHECK (x < y),"
      " CONSTRAINT fk FOREIGN KEY (y, x) REFERENCES org (b, a) ON DELETE CASCADE);"
      "ALTER TABLE t ADD CONSTRAINT late CHECK (x > 0) NOT VALID;"
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
      "CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()");
  const Table t = table("t");
  ASSERT_EQ(t.foreign_keys.size(), 1U);
  const ForeignKey& key = t.foreign_keys[0];
  EXPECT_THAT(key.columns, ElementsAre("y", "x"));
  EXPECT_EQ(key.referenced, (QualifiedName{"public", "org"}));
  EXPECT_THAT(key.referenced_columns, ElementsAre("b", "a"));
  EXPECT_EQ(key.on_delete, 'c');
  EXPECT_TRUE(key.validated);
  ASSERT_EQ(t.checks.size(), 2U);
  EXPECT_EQ(t.checks[0].name, "late");
  EXPECT_FALSE(t.checks[0].validated);
  EXPECT_EQ(t.checks[1].definition, "CHECK ((x < y))");
  EXPECT_THAT(t.checks[1].columns, UnorderedElementsAre("x", "y"));
  EXPECT_THAT(t.triggers, ElementsAre("touch"));
}

TEST_F(CatalogTest, ReadsPartitionsAndInheritance) {
  sql("CREATE TABLE p (id int, k int) PARTITION BY LIST (k);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
      "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2) PARTITION BY LIST (id);"
      "CREATE TABLE p2a PARTITION OF p2 DEFAULT;"
      "INSERT INTO p SELECT i, 1 + i % 2 FROM generate_series(1, 5000) i;"
      "ANALYZE p1, p2a;"
      "CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent);"
      "CREATE TABLE keyed (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE keyed1 PARTITION OF keyed FOR VALUES FROM (0) TO (9);"
      "CREATE TABLE pointing (k int CONSTRAINT fk REFERENCES keyed)");
  const Table p = table("p");
  EXPECT_EQ(p.kind, 'p');
  EXPECT_THAT(p.leaves,
              UnorderedElementsAre(QualifiedName{"public", "p1"}, QualifiedName{"public", "p2a"}));
  EXPECT_DOUBLE_EQ(p.reltuples, 5000);
  EXPECT_EQ(p.blocks, table("p1").blocks + table("p2a").blocks);
  EXPECT_GT(p.blocks, 2);
  EXPECT_TRUE(table("p2").is_partition);
  EXPECT_FALSE(table("p2").inheritance_child);
  EXPECT_FALSE(p.inheritance_parent);
  EXPECT_TRUE(table("p1").column("id")->inherited);
  EXPECT_TRUE(table("parent").inheritance_parent);
  EXPECT_TRUE(table("child").inheritance_child);
  EXPECT_EQ(table("pointing").foreign_keys.size(), 1U);
}

TEST_F(CatalogTest, LeavesOutTheSystemTheLedgerAndTemporaries) {
  sql("CREATE SCHEMA pgbackfill; CREATE TABLE pgbackfill.job (a int);"
      "CREATE TEMP TABLE gone (a int); CREATE SCHEMA app; CREATE TABLE app.t (a int);"
      "CREATE VIEW v AS SELECT 1 AS one; CREATE UNLOGGED TABLE u (a int)");
  const Catalog catalog = read();
  ASSERT_EQ(catalog.tables.size(), 3U);
  EXPECT_EQ(catalog.tables[0].name, (QualifiedName{"app", "t"}));
  EXPECT_EQ(catalog.tables[1].persistence, 'u');
  EXPECT_EQ(catalog.tables[2].kind, 'v');
  EXPECT_EQ(catalog.tables[0].access_method, "heap");
  EXPECT_EQ(catalog.tables[0].reltuples, -1);
}

TEST_F(CatalogTest, KnowsWhatTheRoleMayDo) {
  const std::string role = "role_" + database();
  sql("CREATE ROLE " + role + " LOGIN; CREATE TABLE theirs (a int); CREATE TABLE own (a int);" +
      "ALTER TABLE own OWNER TO " + role + "; ALTER TABLE own ENABLE ROW LEVEL SECURITY;" +
      "ALTER TABLE theirs ENABLE ROW LEVEL SECURITY; CREATE TYPE e AS ENUM ('a');" +
      "REVOKE TEMP ON DATABASE " + database() + " FROM PUBLIC");
  {
    Connection other = connect(role);
    const Catalog catalog = read_catalog(other);
    EXPECT_EQ(catalog.current_user, role);
    EXPECT_FALSE(catalog.may_create_schema);
    EXPECT_FALSE(catalog.may_create_temp);
    const Table& own = *catalog.table({"public", "own"});
    const Table& theirs = *catalog.table({"public", "theirs"});
    EXPECT_TRUE(own.owned);
    EXPECT_EQ(own.owner, role);
    EXPECT_FALSE(own.row_security_active);
    EXPECT_FALSE(theirs.owned);
    EXPECT_TRUE(theirs.row_security_active);
    EXPECT_FALSE(catalog.enum_type({"public", "e"})->owned);
  }
  sql("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(CatalogTest, SeesRowTypesInUse) {
  sql("CREATE TABLE a (x int); CREATE TABLE b (y int); CREATE TABLE c (z int);"
      "CREATE TABLE uses (one a, many b[])");
  EXPECT_TRUE(table("a").row_type_used);
  EXPECT_TRUE(table("b").row_type_used);
  EXPECT_FALSE(table("c").row_type_used);
}

TEST_F(CatalogTest, ReadsEnums) {
  sql("CREATE TYPE role AS ENUM ('user', 'admin'); ALTER TYPE role ADD VALUE 'first' BEFORE 'user';"
      "CREATE TABLE t (a int, r role); CREATE TABLE p (r role) PARTITION BY LIST (r);"
      "CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE VIEW v AS SELECT r FROM t;"
      "CREATE TYPE empty AS ENUM ()");
  const Catalog catalog = read();
  ASSERT_EQ(catalog.enums.size(), 2U);
  const EnumType& type = *catalog.enum_type({"public", "role"});
  EXPECT_THAT(type.labels, ElementsAre("first", "user", "admin"));
  EXPECT_TRUE(type.owned);
  ASSERT_EQ(type.columns.size(), 2U);
  EXPECT_EQ(type.columns[0].table.name, "p");
  EXPECT_EQ(type.columns[1].table.name, "t");
  EXPECT_EQ(type.columns[1].column, "r");
}

TEST_F(CatalogTest, DecoratesANewColumnLikeTheOldOne) {
  const std::string role = "Role " + database();
  sql("CREATE ROLE \"" + role + "\";" +
      "CREATE TABLE \"T\" (old text, new text); GRANT SELECT (old) ON \"T\" TO PUBLIC;"
      "GRANT UPDATE (old) ON \"T\" TO \"" +
      role +
      "\" WITH GRANT OPTION;"
      "COMMENT ON COLUMN \"T\".old IS 'it''s';"
      "ALTER TABLE \"T\" ALTER old SET STATISTICS 77, ALTER old SET (n_distinct = 5),"
      " ALTER old SET STORAGE EXTERNAL");
  const auto statements = column_decoration(session(), {"public", "T"}, "old", "new");
  EXPECT_THAT(
      statements,
      ElementsAre("GRANT SELECT (new) ON \"public\".\"T\" TO PUBLIC",
                  "GRANT UPDATE (new) ON \"public\".\"T\" TO \"" + role + "\" WITH GRANT OPTION",
                  "COMMENT ON COLUMN \"public\".\"T\".new IS 'it''s'",
                  "ALTER TABLE \"public\".\"T\" ALTER COLUMN new SET STATISTICS 77",
                  "ALTER TABLE \"public\".\"T\" ALTER COLUMN new SET (n_distinct=5)",
                  "ALTER TABLE \"public\".\"T\" ALTER COLUMN new SET STORAGE EXTERNAL"));
  for (const std::string& statement : statements) EXPECT_NO_THROW(sql(statement)) << statement;
  EXPECT_EQ(column_decoration(session(), {"public", "T"}, "new", "newer").size(), 6U);
  sql("DROP OWNED BY \"" + role + "\"; DROP ROLE \"" + role + "\"");
}

TEST_F(CatalogTest, AnUndecoratedColumnNeedsNothing) {
  sql("CREATE TABLE t (a int)");
  EXPECT_THAT(column_decoration(session(), {"public", "t"}, "a", "b"), IsEmpty());
}

}  // namespace
}  // namespace pgbackfill::sql
