#include "sql/identifier.hpp"
#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kCoreTables{"addon_definitions",
                                           "admin_audit_logs",
                                           "bookings",
                                           "chat_sessions",
                                           "checklist_run_items",
                                           "checklist_runs",
                                           "checklist_template_items",
                                           "checklist_templates",
                                           "client_users",
                                           "disputes",
                                           "document_templates",
                                           "documents",
                                           "email_events",
                                           "financial_adjustment_events",
                                           "invoice_items",
                                           "invoice_number_sequences",
                                           "invoice_payments",
                                           "invoice_public_tokens",
                                           "invoices",
                                           "leads",
                                           "order_addons",
                                           "order_photos",
                                           "referral_credits",
                                           "stripe_events",
                                           "subscription_addons",
                                           "subscriptions",
                                           "team_blackouts",
                                           "team_working_hours",
                                           "teams",
                                           "workers"};

class SampleTest : public PgTest {
 protected:
  ProgramOutcome generate(std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"--dsn", dsn()});
    return run_program(PGBACKFILL_SAMPLE_BINARY, options);
  }

  /// Generates into the empty database; a failure is the test's.
  void load(const std::vector<std::string>& options = {"--scale", "0.02"}) {
    const ProgramOutcome outcome = generate(options);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  void empty_database() { sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); }

  std::vector<std::string> tables() {
    const sql::Result result = sql(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " ORDER BY relname");
    std::vector<std::string> names;
    for (int row = 0; row < result.rows(); ++row) names.emplace_back(result.text(row, 0));
    return names;
  }

  std::string count(const std::string& table) {
    return value("SELECT count(*) FROM " + sql::quote_identifier(table));
  }

  /// One line per table: its name and a digest of its rows.
  std::vector<std::string> digests() {
    std::vector<std::string> lines;
    for (const std::string& table : tables()) {
      lines.push_back(table + " " +
                      value("SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM " +
                            sql::quote_identifier(table) + " t"));
    }
    return lines;
  }
};

TEST_F(SampleTest, FillsEveryTable) {
  load();
  EXPECT_EQ(tables().size(), 45U);
  for (const std::string& table : tables()) EXPECT_NE(count(table), "0") << table;
  EXPECT_EQ(count("teams"), "60");
  EXPECT_EQ(count("alembic_version"), "1");
}

TEST_F(SampleTest, LeavesTheThirtyCoreTablesWithoutAnOrganization) {
  ASSERT_EQ(kCoreTables.size(), 30U);
  load({"--schema-only"});
  for (const std::string& table : kCoreTables) {
    EXPECT_EQ(value("SELECT count(*) FROM pg_class WHERE relname = " + sql::quote_literal(table)),
              "1")
        << table;
    EXPECT_EQ(value("SELECT count(*) FROM information_schema.columns WHERE column_name = 'org_id'"
                    " AND table_name = " +
                    sql::quote_literal(table)),
              "0")
        << table;
    EXPECT_EQ(count(table), "0") << table;
  }
}

TEST_F(SampleTest, EveryForeignKeyIsValidAndIndexed) {
  load();
  EXPECT_EQ(value("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"),
            "0");
  std::string core;
  for (const std::string& table : kCoreTables) core += "'" + table + "'::regclass,";
  core.pop_back();
  EXPECT_EQ(value("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid IN (" +
                  core + ") AND confrelid IN (" + core + ")"),
            "32");
  EXPECT_EQ(value("SELECT string_agg(c.conname, ', ') FROM pg_constraint c WHERE contype = 'f'"
                  " AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid"
                  " AND i.indkey[0] = c.conkey[1])"),
            "NULL");
}

TEST_F(SampleTest, EqualSeedsGiveEqualRows) {
  load({"--scale", "0.02", "--seed", "7"});
  const std::vector<std::string> first = digests();
  empty_database();
  load({"--scale", "0.02", "--seed", "7"});
  EXPECT_EQ(digests(), first);
  empty_database();
  load({"--scale", "0.02", "--seed", "8"});
  EXPECT_NE(digests(), first);
}

// What by-team.toml rests on: rows that refer to each other lead to teams of one organization.
TEST_F(SampleTest, BookingsShareClientsAndLeadsWithinAnOrganizationOnly) {
  load({"--scale", "0.2"});
  sql("CREATE VIEW placed AS SELECT b.*, COALESCE((b.team_id - 1) / 3, -1) AS org FROM bookings b");
  for (const char* const key : {"client_id", "lead_id", "subscription_id", "assigned_worker_id"}) {
    EXPECT_EQ(value(std::string("SELECT count(*) FROM (SELECT ") + key + " FROM placed WHERE " +
                    key + " IS NOT NULL GROUP BY 1 HAVING count(DISTINCT org) > 1) mixed"),
              "0")
        << key;
  }
  EXPECT_EQ(value("SELECT count(*) FROM bookings b JOIN subscriptions s USING (subscription_id)"
                  " WHERE b.client_id IS DISTINCT FROM s.client_id"),
            "0");
  EXPECT_EQ(value("SELECT count(*) FROM invoice_payments p JOIN invoices i USING (invoice_id)"
                  " WHERE p.booking_id <> i.order_id"
                  " OR p.booking_id IS NOT NULL AND i.order_id IS NULL"),
            "0");
  EXPECT_EQ(value("SELECT count(*) FROM email_events e JOIN invoices i USING (invoice_id)"
                  " WHERE e.booking_id IS DISTINCT FROM i.order_id"),
            "0");
  EXPECT_EQ(value("SELECT count(DISTINCT org) FROM placed"), "21");
}

TEST_F(SampleTest, NumbersGoOnAfterTheLastRow) {
  load();
  EXPECT_EQ(value("INSERT INTO teams (name) VALUES ('One more') RETURNING team_id"), "61");
}

TEST_F(SampleTest, LargeTablesTakeTheNumberNamed) {
  load({"--scale", "0.02", "--large-rows", "500"});
  for (const char* const table :
       {"email_events", "admin_audit_logs", "checklist_run_items", "invoice_items", "bookings",
        "order_photos", "invoices", "invoice_payments", "leads"}) {
    EXPECT_EQ(count(table), "500") << table;
  }
}

TEST_F(SampleTest, FillsNamedTablesAndWhatTheyReferTo) {
  load({"--scale", "0.02", "--tables", "invoices"});
  for (const char* const table : {"invoices", "bookings", "leads", "teams", "client_users"}) {
    EXPECT_NE(count(table), "0") << table;
  }
  EXPECT_EQ(count("email_events"), "0");
}

TEST_F(SampleTest, RefusesADatabaseThatHoldsASample) {
  load();
  const std::vector<std::string> before = digests();
  const ProgramOutcome again = generate({"--scale", "0.02"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("give it an empty one"));
  EXPECT_EQ(digests(), before);
}

TEST_F(SampleTest, RefusesAnUnknownTableAndAnImpossibleSize) {
  const ProgramOutcome table = generate({"--tables", "bookngs"});
  EXPECT_EQ(table.exit_code, 2);
  EXPECT_THAT(table.err, HasSubstr("no table \"bookngs\""));
  EXPECT_EQ(generate({"--scale", "-1"}).exit_code, 2);
  EXPECT_EQ(generate({"--scale", "1e9"}).exit_code, 2);
  EXPECT_TRUE(tables().empty());
}

}  // namespace
}  // namespace pgbackfill::test
