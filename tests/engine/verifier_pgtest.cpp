#include "engine/verify/verifier.hpp"
#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pgbackfill::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr const char* kOrgOne = "00000000-0000-0000-0000-000000000001";
constexpr const char* kOrgTwo = "00000000-0000-0000-0000-000000000002";

/// An application after its migration: two plain tables with a foreign key between them, a
/// partitioned table without a key, and an enum.
constexpr const char* kMigrated = R"(
  CREATE TYPE user_role AS ENUM ('worker', 'foreman', 'admin');
  CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL);
  INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001', 'Default'),
    ('00000000-0000-0000-0000-000000000002', 'Other');
  CREATE TABLE customers (customer_id integer PRIMARY KEY, role user_role NOT NULL DEFAULT 'worker',
    org_id uuid NOT NULL CONSTRAINT fk_customers_org_id_organizations REFERENCES organizations);
  CREATE TABLE orders (order_id varchar(36) PRIMARY KEY,
    customer_id integer CONSTRAINT orders_customer REFERENCES customers, state text,
    org_id uuid NOT NULL CONSTRAINT fk_orders_org_id_organizations REFERENCES organizations);
  CREATE TABLE events (at date NOT NULL, order_id varchar(36) CONSTRAINT events_order REFERENCES orders,
    org_id uuid NOT NULL CONSTRAINT fk_events_org_id_organizations REFERENCES organizations)
    PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
  CREATE INDEX ix_customers_org_id ON customers (org_id);
  CREATE INDEX ix_orders_org_state ON orders (org_id, state);
  CREATE INDEX ix_events_org_id ON events (org_id);
  INSERT INTO customers SELECT g, 'worker', CASE WHEN g <= 6 THEN '00000000-0000-0000-0000-000000000001'
    ELSE '00000000-0000-0000-0000-000000000002' END::uuid FROM generate_series(1, 10) AS g;
  INSERT INTO orders SELECT 'o' || customer_id, customer_id, 'open', org_id FROM customers;
  INSERT INTO orders VALUES ('alone', NULL, 'open', '00000000-0000-0000-0000-000000000002');
  INSERT INTO events SELECT date '2025-12-29' + customer_id, order_id, org_id FROM orders
    WHERE customer_id IS NOT NULL;
)";

planner::JobSpec job_spec() {
  planner::JobSpec spec;
  spec.tenant.emplace();
  spec.tenant->references_table = "organizations";
  spec.tenant->references_column = "org_id";
  spec.tenant->foreign_key = "fk_{table}_org_id_organizations";
  for (const char* name : {"customers", "orders", "events"}) {
    planner::TableSpec table;
    table.name = name;
    spec.tables.push_back(table);
  }
  spec.tables[1].indexes.push_back({"ix_orders_org_state", {"org_id", "state"}, {}});
  planner::TableSpec optional;
  optional.name = "not_here";
  optional.required = false;
  spec.tables.push_back(optional);
  planner::EnsureSpec ensure;
  ensure.table = "organizations";
  ensure.key = {"org_id"};
  ensure.row = {{"org_id", kOrgOne}, {"name", "Default"}};
  spec.of<planner::EnsureSpec>().push_back(ensure);
  planner::EnumSpec role;
  role.type = "user_role";
  role.values = {"worker", "foreman", "admin"};
  spec.of<planner::EnumSpec>().push_back(role);
  return spec;
}

class VerifierTest : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql(kMigrated);
  }

  VerifyReport report() { return verify(spec, session()); }

  /// "object name" of every failed check.
  std::vector<std::string> failed() {
    std::vector<std::string> names;
    for (const VerifyCheck& check : report().checks) {
      if (!check.passed) names.push_back(check.object + " " + check.name);
    }
    return names;
  }

  std::string message(const std::string& object, const std::string& name) {
    for (const VerifyCheck& check : report().checks) {
      if (check.object == object && check.name == name) return check.message;
    }
    return "no such check";
  }

  planner::JobSpec spec = job_spec();
};

TEST_F(VerifierTest, PassesOnTheFinishedState) {
  const VerifyReport result = report();
  for (const VerifyCheck& check : result.checks) {
    EXPECT_TRUE(check.passed) << check.object << " " << check.name << ": " << check.message;
    EXPECT_EQ(check.message, "");
  }
  EXPECT_TRUE(result.passed());
  EXPECT_FALSE(session().in_transaction());
}

TEST_F(VerifierTest, AsksEveryQuestionOnce) {
  std::vector<std::string> asked;
  for (const VerifyCheck& check : report().checks) asked.push_back(check.object + " " + check.name);
  std::sort(asked.begin(), asked.end());
  EXPECT_EQ(std::adjacent_find(asked.begin(), asked.end()), asked.end());
  // Per table: table, column, type, no-default, not-null, foreign-key, one index, no-null; two
  // foreign keys between core tables; the ensured row; type and labels; five kinds of leftovers.
  EXPECT_EQ(asked.size(), 3U * 8 + 2 + 1 + 2 + 5);
}

TEST_F(VerifierTest, CountsRowsPerOrganization) {
  const VerifyReport result = report();
  ASSERT_EQ(result.counts.size(), 3U);
  EXPECT_EQ(result.counts[0].table, "customers");
  EXPECT_EQ(result.counts[0].total, 10);
  EXPECT_THAT(result.counts[0].organizations, ElementsAre(Pair(kOrgOne, 6), Pair(kOrgTwo, 4)));
  EXPECT_EQ(result.counts[1].total, 11);
  EXPECT_EQ(result.counts[2].total, 10);
}

TEST_F(VerifierTest, SaysWhatMendsAndThatDoes) {
  sql("ALTER TABLE orders ALTER org_id SET DEFAULT '00000000-0000-0000-0000-000000000001';"
      "ALTER TABLE customers ALTER org_id DROP NOT NULL;"
      "ALTER TABLE customers DROP CONSTRAINT fk_customers_org_id_organizations;"
      "ALTER TABLE orders DROP CONSTRAINT fk_orders_org_id_organizations, ADD CONSTRAINT other "
      "  FOREIGN KEY (org_id) REFERENCES organizations ON DELETE CASCADE;"
      "DROP INDEX ix_customers_org_id, ix_events_org_id, ix_orders_org_state;"
      "CREATE INDEX ix_orders_org_state ON orders (state);"
      "ALTER TABLE orders ADD COLUMN pgbackfill_x integer;"
      "ALTER TABLE orders ADD CONSTRAINT pgbackfill_check CHECK (state <> 'x');"
      "CREATE TYPE pgbackfill_type AS ENUM ('a');"
      "CREATE FUNCTION pgbackfill_f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
      "CREATE TRIGGER zzz_pgbackfill_t BEFORE INSERT ON orders FOR EACH ROW"
      "  EXECUTE FUNCTION pgbackfill_f()");
  spec.of<planner::EnumSpec>()[0].values = {"worker", "foreman", "lead", "manager", "admin"};
  EXPECT_THAT(message("user_role", "labels"), HasSubstr("; lacks: lead, manager"));
  for (const VerifyCheck& check : report().checks) {
    EXPECT_NE(check.passed, !check.mend.empty()) << check.object << " " << check.name;
    for (const std::string& statement : check.mend) sql(statement);
  }
  EXPECT_THAT(failed(), IsEmpty());
}

TEST_F(VerifierTest, NamesLabelsThatTheFileDoesNot) {
  sql("ALTER TYPE user_role ADD VALUE 'guest'");
  EXPECT_THAT(message("user_role", "labels"), HasSubstr("; has besides: guest"));
}

TEST_F(VerifierTest, TellsWhichTablesTheFileDoesNotName) {
  sql("CREATE TABLE besides (id integer);"
      "CREATE TABLE unchecked (org_id uuid);"
      "CREATE SCHEMA other; CREATE TABLE other.far (id integer)");
  const VerifyReport result = report();
  EXPECT_TRUE(result.passed());
  std::vector<std::string> told;
  for (const planner::Unnamed& unnamed : result.unnamed) {
    told.push_back(unnamed.kind + " " + unnamed.object + " " + unnamed.message);
  }
  EXPECT_THAT(told,
              UnorderedElementsAre("table besides has no org_id",
                                   "tenant-column unchecked has org_id, which nothing checks"));
}

TEST_F(VerifierTest, PassesOnEmptyTables) {
  sql("TRUNCATE customers, orders, events");
  EXPECT_THAT(failed(), IsEmpty());
  EXPECT_EQ(report().counts[0].total, 0);
}

TEST_F(VerifierTest, MissingTable) {
  sql("DROP TABLE events");
  EXPECT_THAT(failed(), ElementsAre("events table"));
  spec.tables[2].required = false;
  EXPECT_THAT(failed(), IsEmpty());
}

TEST_F(VerifierTest, MissingColumn) {
  sql("ALTER TABLE events DROP COLUMN org_id");
  EXPECT_THAT(failed(), ElementsAre("events.org_id column"));
}

TEST_F(VerifierTest, WrongType) {
  sql("ALTER TABLE events DROP CONSTRAINT fk_events_org_id_organizations;"
      "ALTER TABLE events ALTER org_id TYPE text");
  EXPECT_THAT(failed(), UnorderedElementsAre("events.org_id type", "events.org_id foreign-key"));
  EXPECT_EQ(message("events.org_id", "type"), "is of type text, expected uuid");
}

TEST_F(VerifierTest, TypeMayBeWrittenWithAnAliasAndALength) {
  spec.tenant->type = "varchar(36)";
  EXPECT_EQ(message("events.org_id", "type"), "is of type uuid, expected character varying(36)");
}

TEST_F(VerifierTest, DefaultLeft) {
  sql("ALTER TABLE orders ALTER org_id SET DEFAULT '00000000-0000-0000-0000-000000000001'");
  EXPECT_THAT(failed(), ElementsAre("orders.org_id no-default"));
}

TEST_F(VerifierTest, NullableColumn) {
  sql("ALTER TABLE orders ALTER org_id DROP NOT NULL");
  EXPECT_THAT(failed(), ElementsAre("orders.org_id not-null"));
}

TEST_F(VerifierTest, NullRows) {
  sql("ALTER TABLE orders ALTER org_id DROP NOT NULL;"
      "UPDATE orders SET org_id = NULL WHERE order_id = 'alone'");
  EXPECT_THAT(failed(), UnorderedElementsAre("orders.org_id not-null", "orders.org_id no-null"));
  EXPECT_EQ(message("orders.org_id", "no-null"), "1 of 11 rows are NULL");
  EXPECT_EQ(report().counts[1].total, 11);
  EXPECT_EQ(report().counts[1].organizations.size(), 2U);
}

TEST_F(VerifierTest, MissingForeignKey) {
  sql("ALTER TABLE customers DROP CONSTRAINT fk_customers_org_id_organizations");
  EXPECT_THAT(failed(), ElementsAre("customers.org_id foreign-key"));
}

TEST_F(VerifierTest, UnvalidatedForeignKeyAndAnOrganizationThatDoesNotExist) {
  sql("ALTER TABLE orders DROP CONSTRAINT fk_orders_org_id_organizations;"
      "UPDATE orders SET org_id = '00000000-0000-0000-0000-0000000000ff' WHERE order_id = 'alone';"
      "ALTER TABLE orders ADD CONSTRAINT fk_orders_org_id_organizations FOREIGN KEY (org_id)"
      " REFERENCES organizations NOT VALID");
  EXPECT_THAT(failed(), UnorderedElementsAre("orders.org_id foreign-key",
                                             "orders.org_id organization-exists"));
  EXPECT_THAT(message("orders.org_id", "foreign-key"), HasSubstr("NOT VALID"));
  EXPECT_THAT(message("orders.org_id", "organization-exists"),
              HasSubstr("1 row, for example (order_id=alone)"));
}

TEST_F(VerifierTest, CascadingForeignKey) {
  sql("ALTER TABLE orders ADD CONSTRAINT second FOREIGN KEY (org_id) REFERENCES organizations"
      " ON DELETE CASCADE");
  EXPECT_THAT(failed(), ElementsAre("orders.org_id foreign-key"));
  EXPECT_THAT(message("orders.org_id", "foreign-key"), HasSubstr("second"));
  EXPECT_THAT(message("orders.org_id", "foreign-key"), HasSubstr("CASCADE"));
}

TEST_F(VerifierTest, RestrictIsNotNoAction) {
  spec.tenant->on_delete = "restrict";
  EXPECT_THAT(failed(),
              UnorderedElementsAre("customers.org_id foreign-key", "orders.org_id foreign-key",
                                   "events.org_id foreign-key"));
}

TEST_F(VerifierTest, MissingIndex) {
  sql("DROP INDEX ix_orders_org_state");
  EXPECT_THAT(failed(), ElementsAre("orders.ix_orders_org_state index"));
}

TEST_F(VerifierTest, IndexOverOtherColumns) {
  sql("DROP INDEX ix_orders_org_state; CREATE INDEX ix_orders_org_state ON orders (state, org_id)");
  EXPECT_EQ(message("orders.ix_orders_org_state", "index"),
            "covers (state, org_id), expected (org_id, state)");
}

TEST_F(VerifierTest, PartialIndex) {
  sql("DROP INDEX ix_customers_org_id;"
      "CREATE INDEX ix_customers_org_id ON customers (org_id) WHERE customer_id > 5");
  EXPECT_THAT(failed(), ElementsAre("customers.ix_customers_org_id index"));
}

TEST_F(VerifierTest, InvalidIndex) {
  sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_customers_org_id'::regclass");
  EXPECT_THAT(failed(), ElementsAre("customers.ix_customers_org_id index"));
}

TEST_F(VerifierTest, AnotherIndexThatLeadsWithTheColumnServesAsTheDefaultOne) {
  sql("ALTER INDEX ix_customers_org_id RENAME TO older_index");
  EXPECT_THAT(failed(), IsEmpty());
}

TEST_F(VerifierTest, ChildOfAnotherOrganization) {
  sql("UPDATE orders SET org_id = '00000000-0000-0000-0000-000000000002' WHERE customer_id <= 4;"
      "UPDATE events SET org_id = '00000000-0000-0000-0000-000000000002' WHERE order_id IN"
      " ('o1', 'o2', 'o3', 'o4')");
  EXPECT_THAT(failed(), ElementsAre("orders.orders_customer same-tenant"));
  const std::string text = message("orders.orders_customer", "same-tenant");
  EXPECT_THAT(text, HasSubstr("4 rows, for example (order_id=o"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '='), 3);
}

TEST_F(VerifierTest, ChildOfAnotherOrganizationInATableWithoutAKey) {
  sql("UPDATE events SET org_id = '00000000-0000-0000-0000-000000000002' WHERE order_id = 'o1'");
  EXPECT_THAT(failed(), ElementsAre("events.events_order same-tenant"));
  EXPECT_THAT(message("events.events_order", "same-tenant"), HasSubstr("ctid=("));
}

TEST_F(VerifierTest, MultiColumnForeignKeyIsFollowedAndNullsDoNotJoin) {
  sql("ALTER TABLE orders ADD UNIQUE (customer_id, order_id);"
      "ALTER TABLE events ADD customer_id integer;"
      "ALTER TABLE events ADD CONSTRAINT pair FOREIGN KEY (customer_id, order_id)"
      " REFERENCES orders (customer_id, order_id);"
      "ALTER TABLE events DROP CONSTRAINT events_order;"
      "UPDATE events SET org_id = '00000000-0000-0000-0000-000000000002' WHERE order_id = 'o1'");
  EXPECT_THAT(failed(), IsEmpty());
  sql("UPDATE events SET customer_id = 1 WHERE order_id = 'o1'");
  EXPECT_THAT(failed(), ElementsAre("events.pair same-tenant"));
}

TEST_F(VerifierTest, EnumLabels) {
  sql("ALTER TYPE user_role ADD VALUE 'user'");
  EXPECT_THAT(failed(), ElementsAre("user_role labels"));
}

TEST_F(VerifierTest, EnumOrderCountsWhenItIsStrict) {
  spec.of<planner::EnumSpec>()[0].values = {"admin", "worker", "foreman"};
  EXPECT_THAT(failed(), ElementsAre("user_role labels"));
  spec.of<planner::EnumSpec>()[0].strict_order = false;
  EXPECT_THAT(failed(), IsEmpty());
}

TEST_F(VerifierTest, MissingEnum) {
  spec.of<planner::EnumSpec>()[0].type = "no_such_type";
  EXPECT_THAT(failed(), ElementsAre("no_such_type type"));
}

TEST_F(VerifierTest, MissingEnsuredRow) {
  spec.of<planner::EnsureSpec>()[0].row[0].second = "00000000-0000-0000-0000-000000000009";
  EXPECT_THAT(failed(), ElementsAre("organizations ensured-row"));
}

TEST_F(VerifierTest, LeftoverColumn) {
  sql("ALTER TABLE customers ADD pgbackfill_old_role text");
  EXPECT_THAT(failed(), ElementsAre("database no-leftover-column"));
  EXPECT_THAT(message("database", "no-leftover-column"),
              HasSubstr("customers.pgbackfill_old_role"));
}

TEST_F(VerifierTest, LeftoverType) {
  sql("CREATE TYPE pgbackfill_old_user_role AS ENUM ('user')");
  EXPECT_THAT(failed(), ElementsAre("database no-leftover-type"));
}

TEST_F(VerifierTest, LeftoverTriggerAndFunction) {
  sql("CREATE SCHEMA pgbackfill; CREATE FUNCTION pgbackfill.fill() RETURNS trigger LANGUAGE plpgsql"
      " AS 'BEGIN RETURN NEW; END'");
  EXPECT_THAT(failed(), ElementsAre("database no-leftover-function"));
  sql("CREATE TRIGGER zzz_pgbackfill_org_id BEFORE INSERT ON orders FOR EACH ROW"
      " EXECUTE FUNCTION pgbackfill.fill()");
  EXPECT_THAT(failed(),
              ElementsAre("database no-leftover-trigger", "database no-leftover-function"));
}

TEST_F(VerifierTest, LeftoverCheck) {
  sql("ALTER TABLE orders ADD CONSTRAINT pgbackfill_org_id_not_null CHECK (org_id IS NOT NULL)");
  EXPECT_THAT(failed(), ElementsAre("database no-leftover-check"));
}

TEST_F(VerifierTest, OddNamesAreQuoted) {
  sql("CREATE TABLE \"Odd \"\" Table\" (\"Key 'one'\" text PRIMARY KEY,"
      " parent integer CONSTRAINT odd_parent REFERENCES customers,"
      " org_id uuid NOT NULL REFERENCES organizations);"
      "CREATE INDEX odd_lead ON \"Odd \"\" Table\" (org_id);"
      "INSERT INTO \"Odd \"\" Table\" VALUES ('a', 1, '00000000-0000-0000-0000-000000000002')");
  planner::TableSpec odd;
  odd.name = "\"Odd \"\" Table\"";
  spec.tables.push_back(odd);
  const auto names = failed();
  ASSERT_EQ(names.size(), 1U);
  EXPECT_THAT(names[0], HasSubstr("odd_parent same-tenant"));
}

TEST_F(VerifierTest, WorksWithoutATenant) {
  spec.tenant.reset();
  EXPECT_THAT(failed(), IsEmpty());
  EXPECT_THAT(report().counts, IsEmpty());
}

}  // namespace
}  // namespace pgbackfill::engine
