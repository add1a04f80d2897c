#include "engine/verify/verifier.hpp"
#include "planner/file/migration_file.hpp"
#include "tests/engine/rollback_fixture.hpp"
#include "tests/engine/traffic_fixture.hpp"
#include "tests/support/application.hpp"
#include "tests/support/run_program.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// A uuid of a number, as SQL.
std::string uuid_of(std::string_view number) {
  return fmt::format("md5('org' || {})::uuid::text", number);
}

class Convert : public RollbackTest {
 protected:
  /// A migration file with these sections alone.
  planner::JobSpec plain(std::string_view sections) {
    return planner::read_migration_file(write_file(
        "convert.toml",
        fmt::format("version = 1\n[run]\nworkers = 2\nlock_timeout = \"500ms\"\n{}", sections)));
  }
  planner::JobSpec convert(std::string_view columns, std::string_view type = "uuid") {
    return plain(fmt::format("[[convert]]\ncolumns = [{}]\ntype = \"{}\"\n", columns, type));
  }

  static constexpr std::string_view kOrgColumns =
      "\"organizations.org_id\", \"billing.org_id\", \"events.org_id\", \"members.org_id\"";

  /// Organizations by a text key and three tables that refer to them.
  void create_text_organizations(int organizations, int events) {
    sql(fmt::format(
        "CREATE TABLE organizations (org_id text PRIMARY KEY DEFAULT gen_random_uuid()::text, "
        "name text NOT NULL);"
        "CREATE TABLE billing (org_id varchar(36) PRIMARY KEY REFERENCES organizations ON DELETE "
        "CASCADE, plan text);"
        "CREATE TABLE events (event_id bigserial PRIMARY KEY, org_id text NOT NULL CONSTRAINT "
        "events_org REFERENCES organizations ON DELETE CASCADE, amount int NOT NULL DEFAULT 1);"
        "CREATE INDEX ix_events_org ON events (org_id, amount DESC) WHERE amount > 0;"
        "CREATE TABLE members (org_id text REFERENCES organizations ON UPDATE CASCADE ON DELETE "
        "CASCADE, user_id int, note text, UNIQUE (org_id, user_id));"
        "COMMENT ON COLUMN organizations.org_id IS 'the key';"
        "INSERT INTO organizations SELECT {0}, 'Organization ' || n FROM generate_series(1, {1}) n;"
        "INSERT INTO billing SELECT {0}, 'free' FROM generate_series(1, {1}) n;"
        "INSERT INTO events (org_id) SELECT {2} FROM generate_series(1, {3}) n;"
        "INSERT INTO members SELECT {2}, n FROM generate_series(1, {1}) n;"
        "INSERT INTO members (user_id) VALUES (1), (2);"
        "CREATE TABLE before AS SELECT 'o' AS t, org_id, name AS k FROM organizations UNION ALL "
        "SELECT 'b', org_id, '' FROM billing UNION ALL SELECT 'e', org_id, event_id::text FROM "
        "events; ANALYZE",
        uuid_of("n"), organizations, uuid_of(fmt::format("(n % {} + 1)", organizations)), events));
  }

  /// Rows whose key is not the uuid of what it was, of those that are left.
  std::int64_t differences() {
    return count(
        "SELECT count(*) FROM before AS b LEFT JOIN (SELECT 'o' AS t, org_id, name AS k FROM "
        "organizations UNION ALL SELECT 'b', org_id, '' FROM billing UNION ALL SELECT 'e', org_id, "
        "event_id::text FROM events) AS a ON a.t = b.t AND a.k = b.k AND a.org_id = b.org_id::uuid "
        "WHERE a.t IS NULL");
  }

  std::string type_of(std::string_view table, std::string_view column) {
    return value(
        fmt::format("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE "
                    "attrelid = '{}'::regclass AND attname = '{}'",
                    table, column));
  }
  /// And what NOT NULL is from version 18 on.
  std::string keys_of(std::string_view table) {
    return value(fmt::format(
        "SELECT string_agg(concat_ws(' ', conname, pg_get_constraintdef(oid), "
        "obj_description(oid, 'pg_constraint')), '; ' ORDER BY conname) "
        "FROM pg_constraint WHERE conrelid = '{}'::regclass AND contype IN ('p', 'u', 'f', 'n')",
        table));
  }
  /// From version 18 on, a NOT NULL that is not the one that the server sets by itself.
  void own_not_null(std::string_view table, std::string_view column, std::string_view clauses) {
    if (session().server_version() < 180000) return;
    sql(
        fmt::format("ALTER TABLE {0} ALTER {1} DROP NOT NULL, ADD CONSTRAINT {1}_there NOT NULL "
                    "{1} {2}; COMMENT ON CONSTRAINT {1}_there ON {0} IS 'always'",
                    table, column, clauses));
  }

  std::string refusal(const planner::JobSpec& spec) {
    std::string text;
    try {
      run(spec);
    } catch (const engine::Refused& refused) {
      text = refused.what();
      for (const planner::Finding& finding : refused.findings()) text += "\n" + finding.to_string();
    }
    EXPECT_EQ(count("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgbackfill'"), 0);
    return text;
  }

  void expect_verified(const planner::JobSpec& spec) {
    for (const engine::VerifyCheck& check : engine::verify(spec, session()).checks) {
      EXPECT_TRUE(check.passed) << check.object << " " << check.name << ": " << check.message;
    }
  }

  /// An application that knows its organizations by literals, which are text or uuid as need be.
  static std::string org(int writer, int number) {
    return fmt::format("'{:08x}-0000-4000-8000-{:012x}'", writer + 1, number);
  }

  void create_written() { sql("CREATE TABLE written (event_id bigint, org_id text NOT NULL)"); }

  /// One transaction over parent and children, changes of what it wrote before, and reads.
  void work(pgbackfill::sql::Connection& session, int writer, int round) {
    const auto started = std::chrono::steady_clock::now();
    const std::string mine = org(writer, round);
    session.execute(
        fmt::format("BEGIN; INSERT INTO organizations (org_id, name) VALUES ({0}, 'w');"
                    "INSERT INTO billing (org_id, plan) VALUES ({0}, 'free');"
                    "WITH e AS (INSERT INTO events (org_id) VALUES ({0}) RETURNING event_id) "
                    "INSERT INTO written SELECT event_id, {0} FROM e;"
                    "INSERT INTO members (org_id, user_id) VALUES ({0}, {1}); COMMIT",
                    mine, round));
    const std::string earlier = org(writer, round / 2);
    session.execute(fmt::format("UPDATE members SET note = 'seen' WHERE org_id = {}", earlier));
    if (round % 4 == 1) {
      // Those of round 0 mod 4 stay, so that something is left to move to.
      session.execute(fmt::format("DELETE FROM organizations WHERE org_id = {}", mine));
    } else if (round % 4 == 2) {
      session.execute(
          fmt::format("BEGIN; UPDATE events SET org_id = {1} WHERE org_id = {0};"
                      "UPDATE written SET org_id = {1} WHERE org_id = {0}; COMMIT",
                      mine, org(writer, round - 2)));
    }
    session.execute(
        fmt::format("SELECT count(*) FROM events JOIN organizations USING (org_id) "
                    "WHERE org_id = {}",
                    mine));
    const double took =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started)
            .count();
    for (double most = longest_; took > most && !longest_.compare_exchange_weak(most, took);) {
    }
  }

  std::unique_ptr<Application> writer(int number) {
    return std::make_unique<Application>(
        connect(), [this, number](pgbackfill::sql::Connection& session, int round) {
          work(session, number, round);
        });
  }

  /// Rows whose new key is not the old one's.
  std::int64_t out_of_step() {
    std::int64_t rows = 0;
    for (const char* table : {"organizations", "billing", "events", "members"}) {
      rows +=
          count(fmt::format("SELECT count(*) FROM {} WHERE org_id IS DISTINCT FROM "
                            "pgbackfill_old_org_id::uuid",
                            table));
    }
    return rows;
  }

  /// A job from beginning to end under writers; returns how long it took.
  double migrate(int writers) {
    create_written();
    const auto spec = convert(kOrgColumns);
    std::vector<std::unique_ptr<Application>> application;
    for (int i = 0; i < writers; ++i) application.push_back(writer(i));
    for (const auto& one : application) one->reach(8);
    const auto started = std::chrono::steady_clock::now();
    EXPECT_EQ(run_until(spec, Stage::kEnforce).outcome, RunOutcome::kDone);
    for (const auto& one : application) one->reach(8);
    EXPECT_EQ(out_of_step(), 0);
    EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    for (const auto& one : application) {
      one->reach(8);
      one->end();
      EXPECT_EQ(one->errors(), 0) << one->first_error();
    }
    EXPECT_EQ(differences(), 0);
    EXPECT_EQ(count("SELECT count(*) FROM written JOIN events USING (event_id) WHERE "
                    "events.org_id <> written.org_id::uuid"),
              0);
    EXPECT_GT(count("SELECT count(*) FROM written JOIN events USING (event_id)"), 0);
    expect_verified(spec);
    return took.count();
  }

  std::atomic<double> longest_{0};
};

TEST_F(Convert, TextKeysBecomeUuidWithEverythingAroundThem) {
  create_text_organizations(200, 3000);
  sql("DROP ROLE IF EXISTS convert_reader; CREATE ROLE convert_reader;"
      "GRANT SELECT (org_id) ON events TO convert_reader;"
      "ALTER TABLE events ALTER org_id SET STATISTICS 77, ALTER org_id SET STORAGE EXTERNAL;"
      "COMMENT ON CONSTRAINT events_org ON events IS 'owner';"
      "COMMENT ON INDEX ix_events_org IS 'by amount'");
  own_not_null("events", "org_id", "NO INHERIT");
  const std::string keys = keys_of("events") + keys_of("members") + keys_of("billing");
  const std::string index = value("SELECT pg_get_indexdef('ix_events_org'::regclass)");
  const auto spec = convert(kOrgColumns);
  EXPECT_FALSE(engine::verify(spec, session()).passed());
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);

  for (const char* table : {"organizations", "billing", "events", "members"}) {
    EXPECT_EQ(type_of(table, "org_id"), "uuid") << table;
  }
  EXPECT_EQ(differences(), 0);
  EXPECT_EQ(count("SELECT count(*) FROM members WHERE org_id IS NULL"), 2);
  EXPECT_EQ(keys_of("events") + keys_of("members") + keys_of("billing"), keys);
  EXPECT_EQ(value("SELECT pg_get_indexdef('ix_events_org'::regclass)"), index);
  EXPECT_EQ(value("SELECT col_description('organizations'::regclass, attnum) FROM pg_attribute "
                  "WHERE attrelid = 'organizations'::regclass AND attname = 'org_id'"),
            "the key");
  EXPECT_EQ(value("SELECT obj_description('ix_events_org'::regclass, 'pg_class')"), "by amount");
  EXPECT_EQ(value("SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = "
                  "'events_org'"),
            "owner");
  EXPECT_EQ(value("SELECT attstattarget || ' ' || attnotnull || ' ' || "
                  "has_column_privilege('convert_reader', 'events', 'org_id', 'SELECT') FROM "
                  "pg_attribute WHERE attrelid = 'events'::regclass AND attname = 'org_id'"),
            "77 true true");
  sql("INSERT INTO organizations (name) VALUES ('new');"
      "INSERT INTO events (org_id) SELECT org_id FROM organizations WHERE name = 'new'");
  expect_verified(spec);
  EXPECT_EQ(run(spec).outcome, RunOutcome::kAlreadyDone);
  sql("DROP OWNED BY convert_reader; DROP ROLE convert_reader");
}

TEST_F(Convert, KeysOfSeveralColumnsAndTheirOwnTable) {
  sql("CREATE TABLE orgs (org_id char(36) PRIMARY KEY, parent_id char(36) REFERENCES orgs);"
      "CREATE TABLE sites (org_id varchar(32) NOT NULL, site_id int NOT NULL, PRIMARY KEY (org_id, "
      "site_id));"
      "CREATE TABLE visits (id serial PRIMARY KEY, org_id varchar(32), site_id int, CONSTRAINT "
      "visit_site FOREIGN KEY (org_id, site_id) REFERENCES sites (org_id, site_id) MATCH FULL ON "
      "UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);"
      "INSERT INTO orgs SELECT md5(n::text)::uuid, NULL FROM generate_series(1, 50) n;"
      "UPDATE orgs SET parent_id = (SELECT max(org_id) FROM orgs);"
      "INSERT INTO sites SELECT md5((n % 5)::text), n FROM generate_series(1, 50) n;"
      "INSERT INTO visits (org_id, site_id) SELECT org_id, site_id FROM sites;"
      "INSERT INTO visits DEFAULT VALUES");
  const std::string keys = keys_of("orgs") + keys_of("sites") + keys_of("visits");
  const auto spec =
      convert("\"orgs.org_id\", \"orgs.parent_id\", \"sites.org_id\", \"visits.org_id\"");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(keys_of("orgs") + keys_of("sites") + keys_of("visits"), keys);
  EXPECT_EQ(count("SELECT count(*) FROM sites WHERE org_id = md5((site_id % 5)::text)::uuid"), 50);
  EXPECT_EQ(count("SELECT count(*) FROM visits JOIN sites USING (org_id, site_id)"), 50);
  sql("UPDATE sites SET org_id = md5('x')::uuid WHERE site_id = 7; DELETE FROM sites WHERE site_id "
      "= 8");
  EXPECT_EQ(count("SELECT count(*) FROM visits WHERE org_id = md5('x')::uuid"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM visits WHERE org_id IS NULL"), 2);
  expect_verified(spec);
}

TEST_F(Convert, IntegersBecomeBigintWithTheirSequences) {
  sql("CREATE TABLE orders (id serial PRIMARY KEY, state smallint DEFAULT 3);"
      "CREATE TABLE lines (id int GENERATED ALWAYS AS IDENTITY (INCREMENT BY 2 START WITH 5) "
      "PRIMARY KEY, order_id int NOT NULL REFERENCES orders);"
      "INSERT INTO orders SELECT FROM generate_series(1, 300);"
      "INSERT INTO lines (order_id) SELECT id FROM orders;"
      "COMMENT ON SEQUENCE orders_id_seq IS 'numbers'");
  const std::string keys = keys_of("orders") + keys_of("lines");
  const auto spec =
      convert("\"orders.id\", \"orders.state\", \"lines.id\", \"lines.order_id\"", "bigint");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("INSERT INTO orders DEFAULT VALUES; INSERT INTO lines (order_id) VALUES (301)");
  EXPECT_EQ(keys_of("orders") + keys_of("lines"), keys);
  EXPECT_EQ(value("SELECT max(id) || ' ' || max(state) FROM orders"), "301 3");
  EXPECT_EQ(value("SELECT max(id)::text FROM lines"), "605");
  EXPECT_THROW(sql("INSERT INTO lines (id, order_id) VALUES (1, 1)"), pgbackfill::sql::Error);
  EXPECT_EQ(value("SELECT string_agg(format_type(seqtypid, NULL) || ' ' || seqmax || ' ' || "
                  "seqincrement, ', ' ORDER BY seqrelid::regclass::text) FROM pg_sequence JOIN "
                  "pg_class ON pg_class.oid = "
                  "seqrelid WHERE relnamespace = 'public'::regnamespace"),
            "bigint 9223372036854775807 2, bigint 9223372036854775807 1");
  EXPECT_EQ(value("SELECT pg_get_serial_sequence('orders', 'id') || ' ' || "
                  "pg_get_serial_sequence('lines', 'id')"),
            "public.orders_id_seq public.lines_id_seq");
  sql("INSERT INTO orders (id) VALUES (5000000000)");
  expect_verified(spec);
}

TEST_F(Convert, ValuesThatAreNoUuidAreListedAndNothingIsTouched) {
  create_text_organizations(20, 30);
  sql("INSERT INTO organizations SELECT 'bad-' || n, 'x' FROM generate_series(1, 12) n;"
      "INSERT INTO organizations VALUES ('{a0eebc999c0b4ef8bb6d6bb9bd380a11}', 'good'), "
      "(' a0eebc999c0b4ef8bb6d6bb9bd380a12', 'blank')");
  const std::string text = refusal(convert(kOrgColumns));
  EXPECT_THAT(text, AllOf(HasSubstr("organizations.org_id: 13 values are no uuid"),
                          HasSubstr("org_id=bad-1: 'bad-1'"), HasSubstr("org_id=bad-9"),
                          HasSubstr("and 3 more")));
  EXPECT_EQ(type_of("organizations", "org_id"), "text");
}

TEST_F(Convert, ValuesThatWouldBecomeOneAreRefused) {
  create_text_organizations(20, 30);
  sql("INSERT INTO organizations SELECT upper(org_id), 'twin' FROM organizations WHERE name = "
      "'Organization 3'");
  EXPECT_THAT(refusal(convert(kOrgColumns)),
              AllOf(HasSubstr("index organizations_pkey of table organizations"),
                    HasSubstr("1 group of its values")));
}

TEST_F(Convert, WhatCannotComeAlongIsNamed) {
  create_text_organizations(3, 3);
  sql("CREATE VIEW org_names AS SELECT org_id, name FROM organizations;"
      "ALTER TABLE events ADD CONSTRAINT long_enough CHECK (length(org_id) > 3);"
      "ALTER TABLE events ADD COLUMN short text GENERATED ALWAYS AS (left(org_id, 4)) STORED;"
      "CREATE INDEX ix_pattern ON events (org_id text_pattern_ops);"
      "CREATE INDEX ix_expression ON events (lower(org_id));"
      "CREATE INDEX ix_part ON events (amount) WHERE org_id <> '';"
      "CREATE POLICY own ON billing USING (org_id = current_user);"
      "CREATE STATISTICS org_stats ON org_id, amount FROM events;"
      "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := NEW.org_id; "
      "RETURN NEW; END';"
      "CREATE TRIGGER audit BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION audit();"
      "ALTER TABLE billing ALTER org_id SET DEFAULT 'nobody';"
      "ALTER TABLE events ADD CONSTRAINT later UNIQUE (event_id, org_id) DEFERRABLE;"
      "CREATE UNIQUE INDEX ix_identity ON events (event_id, org_id) INCLUDE (amount);"
      "ALTER TABLE events REPLICA IDENTITY USING INDEX ix_identity");
  // Publications have lists of columns since then.
  const bool lists = session().server_version() >= 150000;
  if (lists) sql("CREATE PUBLICATION org_names FOR TABLE members (org_id, user_id)");
  const std::string text = refusal(convert(kOrgColumns));
  for (const char* object :
       {"view org_names", "constraint long_enough on table events", "column short of table events",
        "index ix_pattern of table events", "index ix_expression", "index ix_part",
        "policy own on table billing", "statistics object org_stats",
        "trigger audit on table members", "billing.org_id: its default, 'nobody'",
        "index later of table events: its constraint is "
        "deferrable",
        "index ix_identity of table events: it is the table's replica identity"}) {
    EXPECT_THAT(text, HasSubstr(object));
  }
  EXPECT_EQ(text.find("publication of table members") != std::string::npos, lists);
}

TEST_F(Convert, KeysAreConvertedAtBothEnds) {
  create_text_organizations(3, 3);
  EXPECT_THAT(refusal(convert("\"organizations.org_id\", \"billing.org_id\", \"events.org_id\"")),
              AllOf(HasSubstr("ties it to members.org_id, which [[convert]] does not name"),
                    HasSubstr("Name members.org_id as well")));
}

TEST_F(Convert, WhatTheJobItselfWritesMustConvertToo) {
  create_text_organizations(3, 3);
  sql("CREATE TABLE ledgers (id serial PRIMARY KEY, org_id text)");
  EXPECT_THAT(
      refusal(job(fmt::format("[[ensure]]\ntable = \"organizations\"\nkey = [\"org_id\"]\n"
                              "row = {{ org_id = \"{}\", name = \"Default\" }}\n"
                              "[[ensure]]\ntable = \"organizations\"\nkey = [\"org_id\"]\n"
                              "select = \"SELECT 'first' AS org_id, 'First' AS name\"\n"
                              "[[convert]]\ncolumns = [{}, \"ledgers.org_id\"]\ntype = \"uuid\"\n"
                              "[[table]]\nname = \"ledgers\"\n",
                              kDefaultOrg, kOrgColumns))),
      AllOf(HasSubstr("organizations.org_id: [[ensure]] gives it 'first'"),
            HasSubstr("ledgers.org_id: [[table]] is to fill it")));
}

TEST_F(Convert, TypesAndTablesThatAreNotConverted) {
  sql("CREATE TABLE amounts (id int PRIMARY KEY, price numeric, code varchar(8));"
      "CREATE TABLE logs (id int, org text) PARTITION BY LIST (id)");
  EXPECT_THAT(refusal(convert("\"amounts.price\"")),
              HasSubstr("amounts.price: it is numeric, and only text, varchar and char convert"));
  EXPECT_THAT(refusal(convert("\"amounts.code\"")), HasSubstr("too short to hold a uuid"));
  EXPECT_THAT(refusal(convert("\"amounts.code\"", "bigint")), HasSubstr("only integer"));
  EXPECT_THAT(refusal(convert("\"logs.org\"")), HasSubstr("its table is partitioned"));
}

TEST_F(Convert, TextKeysAreReferredToByTheTenantColumnOfTheSameJob) {
  create_text_organizations(20, 3000);
  sql("CREATE TABLE teams (team_id int PRIMARY KEY, org text NOT NULL);"
      "INSERT INTO teams SELECT n, " +
      uuid_of("(n % 20 + 1)") +
      " FROM generate_series(1, 400) n;"
      "CREATE TABLE bookings (id serial PRIMARY KEY, team_id int NOT NULL REFERENCES teams);"
      "INSERT INTO bookings (team_id) SELECT n % 400 + 1 FROM generate_series(1, 3000) n;"
      "CREATE TABLE notes (id serial PRIMARY KEY); INSERT INTO notes SELECT FROM "
      "generate_series(1, 500);"
      "CREATE TABLE ledgers (id serial PRIMARY KEY, org_id text NOT NULL);"
      "INSERT INTO ledgers (org_id) SELECT org_id FROM organizations;"
      "CREATE TABLE lines (id serial PRIMARY KEY, ledger_id int NOT NULL REFERENCES ledgers, other "
      "int REFERENCES ledgers);"
      "INSERT INTO lines (ledger_id, other) SELECT id, CASE WHEN id = 5 THEN 6 ELSE id END FROM "
      "ledgers; ANALYZE");
  const auto spec = job(fmt::format(
      "[[ensure]]\ntable = \"organizations\"\nkey = [\"org_id\"]\n"
      "row = {{ org_id = \"{}\", name = \"Default\" }}\n"
      "[[convert]]\ncolumns = [{}, \"ledgers.org_id\"]\ntype = \"uuid\"\n"
      "[[table]]\nname = \"teams\"\nvalue = {{ sql = \"(SELECT o.org_id FROM organizations AS o "
      "WHERE o.org_id::text = org)\" }}\n"
      "[[table]]\nname = \"bookings\"\nvalue = {{ parent = \"teams\", via = \"team_id\" }}\n"
      "[[table]]\nname = \"notes\"\n"
      "[[table]]\nname = \"ledgers\"\n"
      "[[table]]\nname = \"lines\"\nvalue = {{ parent = \"ledgers\", via = \"ledger_id\" }}\n",
      kDefaultOrg, kOrgColumns));
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM bookings JOIN teams USING (team_id, org_id) WHERE org_id = "
                  "org::uuid"),
            3000);
  EXPECT_THAT(keys_of("bookings"),
              HasSubstr("fk_bookings_org_id_organizations FOREIGN KEY (org_id) REFERENCES "
                        "organizations(org_id)"));
  EXPECT_EQ(count("SELECT count(*) FROM lines JOIN ledgers ON ledgers.id = ledger_id WHERE "
                  "lines.org_id = ledgers.org_id"),
            20);
  EXPECT_TRUE(logged("lines.lines_other_fkey: 1 row will lie in another organization"));
  sql("UPDATE lines SET other = 5 WHERE id = 5");
  EXPECT_THAT(keys_of("ledgers"), HasSubstr("REFERENCES organizations(org_id)"));
  EXPECT_EQ(differences(), 0);
  expect_verified(spec);
}

TEST_F(Convert, RowsWrittenAfterTheSwapAreThereWhenItIsTakenBack) {
  create_text_organizations(20, 300);
  sql("UPDATE organizations SET name = 'loud' WHERE org_id = (SELECT max(org_id) FROM "
      "organizations WHERE org_id NOT IN (SELECT org_id FROM events));"
      "INSERT INTO organizations VALUES ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'upper')");
  own_not_null("events", "org_id", "NOT VALID");
  const std::string keys = keys_of("organizations") + keys_of("events") + keys_of("members");
  const std::string before = value(
      "SELECT md5(string_agg(org_id || event_id, ',' ORDER BY "
      "event_id)) FROM events");
  const auto spec = convert(kOrgColumns);
  EXPECT_EQ(run_until(spec, Stage::kEnforce).outcome, RunOutcome::kDone);
  EXPECT_EQ(type_of("events", "org_id"), "uuid");
  EXPECT_EQ(type_of("events", "pgbackfill_old_org_id"), "text");
  sql("INSERT INTO organizations (org_id, name) VALUES ('a0eebc999c0b4ef8bb6d6bb9bd380a12', "
      "'after');"
      "INSERT INTO organizations (name) VALUES ('by default');"
      "INSERT INTO events (event_id, org_id) VALUES (901, 'a0eebc999c0b4ef8bb6d6bb9bd380a11'), "
      "(902, 'a0eebc999c0b4ef8bb6d6bb9bd380a12');"
      "UPDATE members SET org_id = 'a0eebc999c0b4ef8bb6d6bb9bd380a11' WHERE user_id = 3");
  const auto plan = planner::plan_from_json(value("SELECT plan FROM pgbackfill.job"));
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    if (step->id == "ensure:ledger" || step->stage > Stage::kEnforce) continue;
    if (step->kind == planner::StepKind::kAlone) {
      for (const std::string& statement : step->inverse) sql(statement);
      continue;
    }
    pgbackfill::sql::Transaction transaction(session());
    for (const std::string& statement : step->inverse) sql(statement);
    transaction.commit();
  }
  EXPECT_EQ(keys_of("organizations") + keys_of("events") + keys_of("members"), keys);
  EXPECT_EQ(value("SELECT md5(string_agg(org_id || event_id, ',' ORDER BY event_id)) FROM events "
                  "WHERE event_id < 900"),
            before);
  EXPECT_EQ(value("SELECT string_agg(org_id, ' ' ORDER BY event_id) FROM events WHERE event_id > "
                  "900"),
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11 a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12");
  EXPECT_EQ(count("SELECT count(*) FROM members JOIN organizations USING (org_id) WHERE name = "
                  "'upper'"),
            1);
  EXPECT_EQ(count("SELECT count(*) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
                  "WHERE attname LIKE 'pgbackfill%' OR relname LIKE 'pgbackfill_conv%' OR relname "
                  "LIKE 'pgbackfill_kept%'"),
            0);
  sql("INSERT INTO organizations (name) VALUES ('by the old default')");
}

TEST_F(Convert, AnEnumOfTheSameTableIsConvertedBesideIt) {
  sql("CREATE TYPE user_role AS ENUM ('user', 'admin');"
      "CREATE TABLE users (org_id text NOT NULL, user_id int PRIMARY KEY, role user_role);"
      "CREATE INDEX ix_users ON users (org_id, role);"
      "INSERT INTO users SELECT " +
      uuid_of("n % 7") + ", n, 'user' FROM generate_series(1, 100) n");
  const auto spec = plain(
      "[[convert]]\ncolumns = [\"users.org_id\"]\ntype = \"uuid\"\n"
      "[[enum]]\ntype = \"user_role\"\nvalues = [\"worker\", \"boss\", \"admin\"]\n"
      "map = { user = \"worker\" }\n");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT pg_get_indexdef('ix_users'::regclass)"),
            "CREATE INDEX ix_users ON public.users USING btree (org_id, role)");
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE role = 'worker' AND org_id = md5('org' || "
                  "user_id % 7)::uuid"),
            100);
  expect_verified(spec);
}

TEST_F(Convert, AnInsertThatCountsOnTheOrderOfColumnsFailsLoudly) {
  create_text_organizations(3, 3);
  EXPECT_EQ(run_until(convert(kOrgColumns), Stage::kEnforce).outcome, RunOutcome::kDone);
  try {
    sql("INSERT INTO organizations VALUES (gen_random_uuid(), 'x')");
    ADD_FAILURE() << "was taken";
  } catch (const pgbackfill::sql::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("name its columns"));
  }
}

TEST_F(Convert, IntegersComeBackWithTheirSequences) {
  sql("CREATE TABLE orders (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n serial);"
      "INSERT INTO orders SELECT FROM generate_series(1, 30)");
  const std::string keys = keys_of("orders");
  const auto spec = convert("\"orders.id\", \"orders.n\"", "bigint");
  EXPECT_EQ(run_until(spec, Stage::kEnforce).outcome, RunOutcome::kDone);
  sql("INSERT INTO orders DEFAULT VALUES");
  const auto plan = planner::plan_from_json(value("SELECT plan FROM pgbackfill.job"));
  for (const planner::Step& step : plan.steps) {
    if (step.id != "enforce:orders:convert-swap") continue;
    pgbackfill::sql::Transaction transaction(session());
    for (const std::string& statement : step.inverse) sql(statement);
    transaction.commit();
  }
  EXPECT_EQ(type_of("orders", "id") + " " + type_of("orders", "n"), "integer integer");
  // The new columns' own come behind.
  EXPECT_THAT(keys_of("orders"), ::testing::StartsWith(keys));
  sql("INSERT INTO orders DEFAULT VALUES");
  EXPECT_EQ(value("SELECT max(id) || ' ' || max(n) FROM orders"), "32 32");
  EXPECT_EQ(count("SELECT count(*) FROM orders WHERE pgbackfill_new_id = id AND pgbackfill_new_n "
                  "= n"),
            32);
}

TEST_F(Convert, SequencesThatCameBeyondIntegersAreSetBackFirst) {
  sql("CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n serial);"
      "INSERT INTO orders SELECT FROM generate_series(1, 30)");
  remember();
  const auto spec = convert("\"orders.id\", \"orders.n\"", "bigint");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("SELECT setval('orders_id_seq', 3000000000), setval('orders_n_seq', 2147483648)");
  try {
    roll_back(spec);
    ADD_FAILURE() << "was taken back";
  } catch (const engine::Refused& refused) {
    std::string text;
    for (const auto& finding : refused.findings()) text += finding.to_string() + "\n";
    EXPECT_THAT(text, HasSubstr("orders.id: its sequence \"public\".\"orders_id_seq\" stands at "
                                "3000000000, beyond integer"));
    EXPECT_THAT(text, HasSubstr("\"orders_n_seq\" stands at 2147483648"));
  }
  sql("SELECT setval('orders_id_seq', 30), setval('orders_n_seq', 2147483647)");
  EXPECT_EQ(roll_back(spec).outcome, engine::RollbackOutcome::kDone);
  expect_as_before();
}

TEST_F(Convert, GoesOnFromEveryPlaceOfTheCutover) {
  create_text_organizations(10, 100);
  const auto spec = convert(kOrgColumns);
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  const auto go_on = [&](const std::string& point) {
    ProgramOptions program;
    program.timeout = std::chrono::minutes(5);
    if (!point.empty()) program.environment["PGBACKFILL_SYNC_POINT"] = point + "=kill";
    const auto outcome = run_program(
        PGBACKFILL_EXECUTABLE, {"run", "-c", spec.file, "--dsn", dsn(), "--workers", "1"}, program);
    EXPECT_EQ(outcome.signal, point.empty() ? 0 : SIGKILL) << point << "\n" << outcome.err;
    return outcome.exit_code;
  };
  // Killed in what is not committed, then right after it is, until the cutover is through.
  while (!HasFailure() && type_of("events", "org_id") == "text") {
    go_on("step-before-commit");
    EXPECT_EQ(type_of("events", "org_id"), "text");
    go_on("step-recorded");
  }
  EXPECT_EQ(type_of("events", "org_id"), "uuid");
  go_on("step-before-commit");
  EXPECT_EQ(type_of("events", "pgbackfill_old_org_id"), "text");
  EXPECT_EQ(go_on(""), 0);
  EXPECT_EQ(differences(), 0);
  expect_verified(spec);
}

TEST_F(Convert, NoTransactionFailsAndNoRowIsOutOfStep) {
  create_text_organizations(100, 2000);
  migrate(2);
}

TEST_F(Convert, AValueThatIsNoUuidIsRefusedOnceTheTriggerIsThere) {
  create_text_organizations(3, 3);
  EXPECT_EQ(run_until(convert(kOrgColumns), Stage::kExpand).outcome, RunOutcome::kDone);
  try {
    sql("INSERT INTO organizations VALUES ('not one', 'x')");
    ADD_FAILURE() << "was taken";
  } catch (const pgbackfill::sql::Error& error) {
    EXPECT_EQ(error.sqlstate(), "22P02");
  }
}

TEST_F(Convert, MillionRowsUnderLoad) {
  const int rows = long_form() ? 1'000'000 : 30'000;
  create_text_organizations(1000, rows);
  const double seconds = migrate(4);
  std::cout << fmt::format(
      "{} rows, {:.1f} s, swap {} ms, longest round of the application {:.0f} ms\n", rows, seconds,
      value("SELECT round(extract(epoch FROM finished - started) * 1000) FROM pgbackfill.step "
            "WHERE step_id LIKE '%:convert-swap'"),
      longest_.load());
}

}  // namespace
}  // namespace pgbackfill::test
