#include "engine/verify/isolation.hpp"
#include "tests/support/pg_fixture.hpp"
#include "tools/verify_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace pgbackfill::engine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// An application after its migration, with keys of several kinds and a composite foreign key.
constexpr const char* kMigrated = R"(
  CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL UNIQUE);
  INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001', 'Default');
  CREATE TABLE users (user_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email varchar(30) NOT NULL CHECK (email LIKE '%@%.example'), joined date UNIQUE,
    org_id uuid NOT NULL REFERENCES organizations, UNIQUE (org_id, user_id));
  CREATE UNIQUE INDEX users_email ON users (lower(email));
  CREATE TABLE orders (order_id varchar(36) PRIMARY KEY, user_id bigint NOT NULL,
    org_id uuid NOT NULL REFERENCES organizations,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, user_id) DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE events (at date NOT NULL, order_id varchar(36) REFERENCES orders,
    doubled text GENERATED ALWAYS AS (order_id || order_id) STORED,
    org_id uuid NOT NULL REFERENCES organizations) PARTITION BY RANGE (at);
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
  INSERT INTO users (email, joined, org_id) SELECT 'somebody' || g || '@firm.example',
    date '2026-01-01' + g, '00000000-0000-0000-0000-000000000001' FROM generate_series(1, 5) AS g;
  INSERT INTO orders SELECT gen_random_uuid()::text, user_id, org_id FROM users;
  INSERT INTO events (at, order_id, org_id) SELECT '2026-02-01', order_id, org_id FROM orders;
)";

class Isolation : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql(kMigrated);
    spec_.tenant.emplace();
    spec_.tenant->references_table = "organizations";
    spec_.tenant->references_column = "org_id";
    // Children first: the order of the file is not that of the references.
    for (const char* name : {"events", "orders", "users"}) {
      spec_.tables.emplace_back();
      spec_.tables.back().name = name;
    }
  }

  VerifyReport report() {
    VerifyReport report;
    verify_isolation(spec_, session(), report);
    return report;
  }

  /// "object name" of every check with this outcome.
  static std::vector<std::string> those(const VerifyReport& report, bool passed, bool skipped) {
    std::vector<std::string> names;
    for (const VerifyCheck& check : report.checks) {
      if (check.passed == passed && check.skipped == skipped) {
        names.push_back(check.object + " " + check.name);
      }
    }
    return names;
  }
  static std::vector<std::string> failed(const VerifyReport& report) {
    return those(report, false, false);
  }
  static std::vector<std::string> skipped(const VerifyReport& report) {
    return those(report, false, true);
  }
  static std::string message(const VerifyReport& report, const std::string& check_of) {
    for (const VerifyCheck& check : report.checks) {
      if (check.object + " " + check.name == check_of) return check.message;
    }
    return "no such check";
  }

  planner::JobSpec spec_;
};

TEST_F(Isolation, HoldsAndLeavesNothingBehind) {
  const std::string before = value("SELECT max(user_id) FROM users");
  const VerifyReport result = report();
  EXPECT_TRUE(result.passed());
  EXPECT_THAT(
      those(result, true, false),
      ElementsAre("users isolation-insert", "users isolation-filter", "orders isolation-insert",
                  "orders isolation-filter", "events isolation-insert", "events isolation-filter"))
      << tools::verify_text(result);
  EXPECT_FALSE(session().in_transaction());
  EXPECT_EQ(value("SELECT count(*) FROM organizations"), "1");
  EXPECT_EQ(value("SELECT count(*) FROM users"), "5");
  EXPECT_EQ(value("SELECT max(user_id) FROM users"), before);
}

TEST_F(Isolation, LeaksWhereADefaultOrATriggerFillsTheColumn) {
  sql("ALTER TABLE users ALTER org_id SET DEFAULT '00000000-0000-0000-0000-000000000001';"
      "ALTER TABLE orders ALTER org_id DROP NOT NULL");
  VerifyReport result = report();
  EXPECT_FALSE(result.passed());
  EXPECT_THAT(failed(result), ElementsAre("users isolation-insert", "orders isolation-insert"));
  sql("ALTER TABLE users ALTER org_id DROP DEFAULT;"
      "CREATE FUNCTION first_org() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "NEW.org_id := '00000000-0000-0000-0000-000000000001'; RETURN NEW; END $$;"
      "CREATE TRIGGER first_org BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION first_org()");
  result = report();
  EXPECT_THAT(failed(result), testing::Contains("users isolation-filter"));
  EXPECT_THAT(message(result, "users isolation-filter"), HasSubstr("finds 1 for the first"));
}

TEST_F(Isolation, SaysWhatItCouldNotTryAndWhy) {
  sql("ALTER TABLE users ADD CHECK (email LIKE 'somebody%');"
      "DELETE FROM events;"
      "CREATE TABLE flags (flag boolean UNIQUE, org_id uuid NOT NULL REFERENCES organizations);"
      "INSERT INTO flags VALUES (true, '00000000-0000-0000-0000-000000000001')");
  spec_.tables.emplace_back();
  spec_.tables.back().name = "flags";
  const VerifyReport result = report();
  EXPECT_THAT(failed(result), IsEmpty());
  EXPECT_THAT(skipped(result),
              testing::UnorderedElementsAre("users isolation-filter", "orders isolation-filter",
                                            "events isolation-filter", "events isolation-insert",
                                            "flags isolation-filter", "flags isolation-insert"));
  EXPECT_THAT(message(result, "users isolation-filter"), HasSubstr("check constraint"));
  EXPECT_THAT(message(result, "orders isolation-filter"), HasSubstr("foreign key"));
  EXPECT_THAT(message(result, "events isolation-filter"), HasSubstr("no row to copy"));
  EXPECT_THAT(message(result, "flags isolation-filter"), HasSubstr("flags_flag_key"));
  EXPECT_TRUE(result.passed()) << "nothing leaks";
  const std::string text = tools::verify_text(result);
  EXPECT_THAT(
      text, AllOf(HasSubstr("users: an INSERT without an organization is refused; isolation-filter "
                            "not tested: new row for"),
                  HasSubstr("6 could not be tested"), Not(HasSubstr("FAILED"))));
  EXPECT_THAT(tools::verify_junit(result),
              AllOf(HasSubstr("failures=\"0\""), HasSubstr("skipped=\"6\""),
                    HasSubstr("<skipped message=\"the table has no row to copy\"/>")));
  EXPECT_EQ(nlohmann::json::parse(tools::verify_json(result))["checks"][1]["skipped"], true);
}

TEST_F(Isolation, NeedsAnOrganizationToMakeASecondOneOf) {
  sql("ALTER TABLE organizations ADD single boolean UNIQUE DEFAULT true");
  VerifyReport result = report();
  EXPECT_EQ(skipped(result).size(), 6U);
  EXPECT_THAT(message(result, "users isolation-insert"),
              HasSubstr("no second organization: no other value for unique index "));
  sql("TRUNCATE organizations CASCADE");
  result = report();
  EXPECT_EQ(skipped(result).size(), 6U);
  EXPECT_THAT(message(result, "users isolation-filter"), HasSubstr("there is no organization"));
}

TEST_F(Isolation, NotesWhereRowSecurityIsEnabled) {
  sql("ALTER TABLE orders ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY own ON orders USING (org_id::text = current_setting('app.org', true))");
  const VerifyReport result = report();
  EXPECT_THAT(result.notes,
              ElementsAre("orders: row security is enabled, with 1 policy; this role is not "
                          "subject to it"));
  EXPECT_TRUE(result.passed());
  EXPECT_EQ(nlohmann::json::parse(tools::verify_json(result))["notes"].size(), 1U);
}

TEST_F(Isolation, ARoleThatMayNotInsertHasTestedNothing) {
  sql("DROP ROLE IF EXISTS isolation_reader; CREATE ROLE isolation_reader;"
      "GRANT SELECT ON ALL TABLES IN SCHEMA public TO isolation_reader;"
      "SET SESSION AUTHORIZATION isolation_reader");
  const VerifyReport result = report();
  sql("RESET SESSION AUTHORIZATION; DROP OWNED BY isolation_reader; DROP ROLE isolation_reader");
  EXPECT_EQ(skipped(result).size(), 6U);
  EXPECT_THAT(message(result, "users isolation-filter"), HasSubstr("permission denied"));
}

}  // namespace
}  // namespace pgbackfill::engine
