#include "planner/file/migration_file.hpp"
#include "tests/engine/job_fixture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;

constexpr int kRows = 6000;

struct DataPath {
  const char* name;
  const char* method;
  const char* order;
  const char* key;    ///< column definitions of the key, with the primary key
  const char* value;  ///< expressions over n that fill them
};

class BackfillPaths : public JobTest, public ::testing::WithParamInterface<DataPath> {};

TEST_P(BackfillPaths, EveryRowGetsWhatOneStatementWouldGive) {
  const DataPath& path = GetParam();
  create_organizations();
  write_team_lookup();
  sql(
      fmt::format("CREATE TABLE bookings ({}{} team_id integer, note text, touched integer "
                  "NOT NULL DEFAULT 0)",
                  path.key, *path.key ? "," : ""));
  sql(
      fmt::format("INSERT INTO bookings SELECT {}{} n % 20 + 1, repeat('x', n % 300) "
                  "FROM generate_series(1, {}) AS n",
                  path.value, *path.value ? "," : "", kRows));
  sql("DELETE FROM bookings WHERE length(note) = 7; ANALYZE bookings");
  const auto rows = count("SELECT count(*) FROM bookings");
  const auto before =
      value("SELECT md5(string_agg(b::text, ',' ORDER BY b::text)) FROM bookings AS b");
  auto spec = job(std::string(kTeamLookup) +
                  "[[table]]\nname = \"bookings\"\n"
                  "value = { lookup = \"team_orgs\", key = \"team_id\" }\n");
  spec.run.method = std::string_view(path.method) == "copy" ? planner::MethodChoice::kCopy
                                                            : planner::MethodChoice::kUpdate;
  spec.run.order = std::string_view(path.order) == "key" ? planner::OrderChoice::kKey
                                                         : planner::OrderChoice::kBlock;
  spec.run.batch_rows = 97;
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);

  EXPECT_EQ(
      count("SELECT count(*) FROM bookings WHERE org_id IS DISTINCT FROM " + team_org("team_id")),
      0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), rows);
  sql("ALTER TABLE bookings DROP COLUMN org_id");
  EXPECT_EQ(value("SELECT md5(string_agg(b::text, ',' ORDER BY b::text)) FROM bookings AS b"),
            before);
}

constexpr const char* kInteger = "id integer PRIMARY KEY";
constexpr const char* kUuid = "id uuid PRIMARY KEY";
constexpr const char* kText = "id varchar(36) COLLATE \"en-x-icu\" PRIMARY KEY";
constexpr const char* kComposite = "a date, b text, PRIMARY KEY (a, b)";
constexpr const char* kIntegerOf = "n * 7 - 20000";
constexpr const char* kUuidOf = "md5(n::text)::uuid";
constexpr const char* kTextOf = "CASE WHEN n % 2 = 0 THEN 'Ä' ELSE 'a' END || md5(n::text)";
constexpr const char* kCompositeOf = "date '2020-01-01' + n % 100, 'b''\"\\' || n";

INSTANTIATE_TEST_SUITE_P(
    All, BackfillPaths,
    ::testing::Values(DataPath{"CopyBlockInteger", "copy", "block", kInteger, kIntegerOf},
                      DataPath{"CopyBlockText", "copy", "block", kText, kTextOf},
                      DataPath{"CopyBlockKeyless", "copy", "block", "", ""},
                      DataPath{"CopyKeyInteger", "copy", "key", kInteger, kIntegerOf},
                      DataPath{"CopyKeyUuid", "copy", "key", kUuid, kUuidOf},
                      DataPath{"CopyKeyText", "copy", "key", kText, kTextOf},
                      DataPath{"CopyKeyComposite", "copy", "key", kComposite, kCompositeOf},
                      DataPath{"UpdateBlockUuid", "update", "block", kUuid, kUuidOf},
                      DataPath{"UpdateBlockKeyless", "update", "block", "", ""},
                      DataPath{"UpdateKeyInteger", "update", "key", kInteger, kIntegerOf},
                      DataPath{"UpdateKeyText", "update", "key", kText, kTextOf},
                      DataPath{"UpdateKeyComposite", "update", "key", kComposite, kCompositeOf}),
    [](const auto& path) { return path.param.name; });

class Backfill : public JobTest {};

TEST_F(Backfill, WhatItCostIsWrittenDown) {
  create_organizations();
  write_team_lookup();
  // Full pages and enough of them for passes.
  sql("CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, note text);"
      "INSERT INTO bookings SELECT n, n % 20 + 1, repeat('x', 270) "
      "FROM generate_series(1, 10000) AS n; ANALYZE bookings");
  const auto spec = job(std::string(kTeamLookup) +
                        "[[table]]\nname = \"bookings\"\n"
                        "value = { lookup = \"team_orgs\", key = \"team_id\" }\n");
  run_until(spec, Stage::kBackfill);
  // Sessions hand in their counts when they end, which run_until() waits for.
  const auto hot = count("SELECT sum(hot) FROM pgbackfill.range");
  // The server counts batches too that were rolled back and tried again.
  const bool tried_once =
      count("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'bookings'") == 10000;
  const auto counted =
      count("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'bookings'");
  EXPECT_LE(hot, counted);
  if (tried_once) {
    EXPECT_EQ(hot, counted);
  }
  // Before version 14 the rows are read by key, all in one pass.
  const bool blocks = session().server_version() >= 140000;
  if (blocks) {
    EXPECT_GT(hot, 5000);
  }
  // Each row was looked up by its key, once: no batch went over the table to find its rows.
  const int lookups = blocks ? 10'000 : 20'000;
  EXPECT_LT(count("SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'bookings'"),
            lookups + 1'000);
  const std::string step = " FROM pgbackfill.step WHERE step_id = 'backfill:bookings'";
  EXPECT_GT(count("SELECT wal_bytes" + step), 1'000'000);
  EXPECT_GT(count("SELECT heap_after - heap_before" + step), 0);
  EXPECT_EQ(count("SELECT heap_after - pg_relation_size('bookings')" + step), 0);
  EXPECT_EQ(count("SELECT indexes_after - pg_indexes_size('bookings')" + step), 0);
  EXPECT_GE(count("SELECT wal_bytes FROM pgbackfill.stage WHERE stage = 'backfill'"),
            count("SELECT wal_bytes" + step));
}

TEST_F(Backfill, ParentsComeBeforeChildrenAndOtherwiseApplies) {
  create_organizations();
  write_team_lookup();
  sql("CREATE TABLE teams (team_id integer PRIMARY KEY);"
      "INSERT INTO teams SELECT generate_series(1, 20);"
      "CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer REFERENCES teams);"
      "INSERT INTO bookings SELECT n, CASE WHEN n % 10 <> 0 THEN n % 20 + 1 END "
      "FROM generate_series(1, 3000) AS n;"
      "CREATE TABLE photos (photo_id bigint, booking_id integer REFERENCES bookings);"
      "INSERT INTO photos SELECT n, n % 3000 + 1 FROM generate_series(1, 5000) AS n;"
      "ANALYZE");
  for (const char* method : {"copy", "update"}) {
    SCOPED_TRACE(method);
    auto spec = job(std::string(kTeamLookup) + fmt::format(R"(
[[table]]
name = "photos"
value = {{ parent = "bookings", via = "booking_id" }}
[[table]]
name = "bookings"
value = {{ parent = "teams", via = "team_id", otherwise = {{ constant = "{}" }} }}
[[table]]
name = "teams"
value = {{ lookup = "team_orgs", key = "team_id" }}
)",
                                                           kDefaultOrg));
    spec.run.method = std::string_view(method) == "copy" ? planner::MethodChoice::kCopy
                                                         : planner::MethodChoice::kUpdate;
    EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
    EXPECT_EQ(count("SELECT count(*) FROM bookings WHERE team_id IS NULL AND org_id = "
                    "'00000000-0000-0000-0000-000000000001'"),
              300);
    EXPECT_EQ(count("SELECT count(*) FROM bookings JOIN teams USING (team_id) "
                    "WHERE bookings.org_id <> teams.org_id"),
              0);
    EXPECT_EQ(count("SELECT count(*) FROM photos JOIN bookings USING (booking_id) "
                    "WHERE photos.org_id <> bookings.org_id"),
              0);
    sql("ALTER TABLE photos DROP COLUMN org_id; ALTER TABLE bookings DROP COLUMN org_id;"
        "ALTER TABLE teams DROP COLUMN org_id; DROP SCHEMA pgbackfill CASCADE");
  }
}

TEST_F(Backfill, ExpressionOverTheRow) {
  create_organizations();
  sql("CREATE TABLE leads (lead_id integer PRIMARY KEY, region text);"
      "INSERT INTO leads SELECT n, CASE n % 3 WHEN 0 THEN 'north' WHEN 1 THEN 'south' END "
      "FROM generate_series(1, 999) AS n");
  const auto spec = job(fmt::format(R"(
[[table]]
name = "leads"
value = {{ sql = "CASE leads.region WHEN 'north' THEN '00000000-0000-0000-0000-000000000101' WHEN 'south' THEN '00000000-0000-0000-0000-000000000102' END::uuid", otherwise = {{ constant = "{}" }} }}
)",
                                    kDefaultOrg));
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT string_agg(c::text, ',' ORDER BY org_id) FROM "
                  "(SELECT org_id, count(*) AS c FROM leads GROUP BY org_id) AS s"),
            "333,333,333");
}

TEST_F(Backfill, ConstantByCatalogWritesNoRow) {
  create_organizations();
  sql("CREATE TABLE leads (lead_id integer PRIMARY KEY);"
      "INSERT INTO leads SELECT generate_series(1, 1000)");
  const auto file_before = value("SELECT pg_relation_filenode('leads')");
  EXPECT_EQ(run(job("[[table]]\nname = \"leads\"\n")).outcome, RunOutcome::kDone);
  EXPECT_EQ(ledger_rows("backfill:leads"), 0);
  EXPECT_EQ(value("SELECT pg_relation_filenode('leads')"), file_before);
  EXPECT_EQ(count("SELECT count(*) FROM leads WHERE xmin::text::bigint <> "
                  "(SELECT min(xmin::text::bigint) FROM leads)"),
            0);
  EXPECT_EQ(count("SELECT count(DISTINCT org_id) FROM leads WHERE org_id = "
                  "'00000000-0000-0000-0000-000000000001'"),
            1);
  EXPECT_EQ(value("SELECT attnotnull AND NOT atthasdef FROM pg_attribute "
                  "WHERE attrelid = 'leads'::regclass AND attname = 'org_id'"),
            "t");
}

TEST_F(Backfill, PartitionedTableGoesLeafByLeaf) {
  create_organizations();
  write_team_lookup();
  sql("CREATE TABLE events (id bigint, at date, team_id integer, PRIMARY KEY (id, at)) "
      "PARTITION BY RANGE (at);"
      "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
      "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
      " PARTITION BY HASH (id, at);"
      "CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
      "CREATE TABLE events_2b PARTITION OF events_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
      "INSERT INTO events SELECT n, date '2024-01-01' + n % 730, n % 20 + 1 "
      "FROM generate_series(1, 4000) AS n");
  EXPECT_EQ(run(job(std::string(kTeamLookup) + R"(
[[table]]
name = "events"
value = { lookup = "team_orgs", key = "team_id" }
indexes = [ { name = "ix_events_org_at", columns = ["org_id", "at"] } ]
)"))
                .outcome,
            RunOutcome::kDone);
  EXPECT_EQ(
      count("SELECT count(*) FROM events WHERE org_id IS DISTINCT FROM " + team_org("team_id")), 0);
  EXPECT_EQ(count("SELECT sum(rows) FROM pgbackfill.range"), 4000);
  EXPECT_EQ(count("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND "
                  "confrelid = 'organizations'::regclass AND conrelid = 'events'::regclass"),
            1);
  EXPECT_EQ(
      value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_events_org_at'::regclass"),
      "t");
  EXPECT_EQ(count("SELECT count(*) FROM pg_attribute WHERE attname = 'org_id' AND attnotnull AND "
                  "attrelid IN ('events'::regclass, 'events_1'::regclass, 'events_2a'::regclass)"),
            3);
}

TEST_F(Backfill, EmptyTableAndFinishedJob) {
  create_organizations();
  write_team_lookup();
  sql("CREATE TABLE bookings (booking_id uuid PRIMARY KEY, team_id integer)");
  const auto spec = job(std::string(kTeamLookup) +
                        "[[table]]\nname = \"bookings\"\n"
                        "value = { lookup = \"team_orgs\", key = \"team_id\" }\n");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM pg_proc WHERE pronamespace = 'pgbackfill'::regnamespace"),
            0);
  const auto before =
      value("SELECT txid_current() || (SELECT max(event_id)::text FROM pgbackfill.event)");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kAlreadyDone);
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.job"), 1);
  EXPECT_NE(before, "");
}

TEST_F(Backfill, RolesAndOrganizationInOneUpdatePerRow) {
  create_organizations();
  write_team_lookup();
  sql("CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
      "CREATE TABLE users (user_id integer PRIMARY KEY, team_id integer, "
      "role user_role NOT NULL DEFAULT 'user');"
      "INSERT INTO users SELECT n, n % 20 + 1, (ARRAY['user', 'admin', 'manager'])[n % 3 + 1]"
      "::user_role FROM generate_series(1, 3000) AS n;"
      "CREATE INDEX ix_users_role ON users (role)");
  EXPECT_EQ(run(job(std::string(kTeamLookup) + R"(
[[table]]
name = "users"
value = { lookup = "team_orgs", key = "team_id" }
[[enum]]
type = "user_role"
values = ["worker", "foreman", "manager", "admin"]
map = { user = "worker" }
)"))
                .outcome,
            RunOutcome::kDone);
  EXPECT_EQ(ledger_rows("backfill:users"), 3000);
  EXPECT_EQ(value("SELECT string_agg(role || ' ' || c, ',' ORDER BY role) FROM "
                  "(SELECT role, count(*) AS c FROM users GROUP BY role) AS s"),
            "worker 1000,manager 1000,admin 1000");
  EXPECT_EQ(value("SELECT enum_range(NULL::user_role)::text"), "{worker,foreman,manager,admin}");
  EXPECT_EQ(
      count("SELECT count(*) FROM users WHERE org_id IS DISTINCT FROM " + team_org("team_id")), 0);
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE role::text <> CASE user_id % 3 WHEN 0 THEN "
                  "'worker' WHEN 1 THEN 'admin' ELSE 'manager' END"),
            0);
  sql("INSERT INTO users (user_id, org_id) VALUES (9999, '00000000-0000-0000-0000-000000000101')");
  EXPECT_EQ(value("SELECT role FROM users WHERE user_id = 9999"), "worker");
  EXPECT_EQ(count("SELECT count(*) FROM pg_attribute WHERE attname LIKE 'pgbackfill%' AND NOT "
                  "attisdropped"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_type WHERE typname LIKE 'pgbackfill%' "
                  "AND typnamespace = 'public'::regnamespace"),
            0);
  EXPECT_EQ(value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_users_role'::regclass"),
            "t");
}

TEST_F(Backfill, RowsWithoutAValueFailWithTheirKeys) {
  create_organizations();
  sql("CREATE TABLE leads (lead_id integer PRIMARY KEY, region text);"
      "INSERT INTO leads SELECT n, CASE WHEN n <> 42 THEN 'r' END FROM generate_series(1, 100) AS "
      "n");
  const auto spec = job(
      "[[table]]\nname = \"leads\"\n"
      "value = { sql = \"CASE region WHEN 'r' THEN '00000000-0000-0000-0000-000000000101'::uuid "
      "END\" }\n");
  try {
    run(spec);
    FAIL() << "the run should have failed";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("leads"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("42"), std::string::npos) << error.what();
  }
  sql("UPDATE leads SET region = 'r' WHERE lead_id = 42");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT count(*) FROM leads WHERE org_id IS NULL"), 0);
}

TEST_F(Backfill, QuarantinedRowsAreListedAndHoldUpNotNull) {
  create_organizations();
  write_team_lookup();
  sql("CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer);"
      "INSERT INTO bookings SELECT n, CASE n WHEN 5 THEN 999 ELSE n % 20 + 1 END "
      "FROM generate_series(1, 500) AS n");
  const auto spec = job(std::string(kTeamLookup) +
                        "[[table]]\nname = \"bookings\"\nvalue = { lookup = \"team_orgs\", "
                        "key = \"team_id\", otherwise = \"quarantine\" }\n");
  EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT string_agg(row_key, ',') FROM pgbackfill.quarantine"), "5");
  EXPECT_EQ(ledger_rows("backfill:bookings"), 499);
  EXPECT_THROW(run(spec), std::runtime_error);
  sql("UPDATE bookings SET team_id = 3 WHERE booking_id = 5");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
}

TEST_F(Backfill, ChangedFileIsRefusedWhileTheJobIsUnfinished) {
  create_organizations();
  write_team_lookup();
  sql("CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer);"
      "INSERT INTO bookings SELECT n, n FROM generate_series(1, 20) AS n");
  const std::string table = "[[table]]\nname = \"bookings\"\nvalue = ";
  const auto spec =
      job(std::string(kTeamLookup) + table + "{ lookup = \"team_orgs\", key = \"team_id\" }\n");
  run_until(spec, Stage::kExpand);
  try {
    run(job(table + "{ constant = \"00000000-0000-0000-0000-000000000101\" }\n"));
    FAIL() << "the changed file should have been refused";
  } catch (const engine::Refused& refused) {
    EXPECT_NE(std::string(refused.what()).find("bookings"), std::string::npos) << refused.what();
  }
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
}

TEST_F(Backfill, SecondOperatorIsToldWhoHoldsTheDatabase) {
  create_organizations();
  sql("CREATE TABLE leads (lead_id integer PRIMARY KEY)");
  sql("SELECT pg_advisory_lock(8099550668268334188)");
  try {
    run(job("[[table]]\nname = \"leads\"\n"));
    FAIL() << "the second run should have been refused";
  } catch (const engine::Refused& refused) {
    EXPECT_NE(std::string(refused.what()).find(value("SELECT pg_backend_pid()")), std::string::npos)
        << refused.what();
  }
  EXPECT_EQ(value("SELECT to_regclass('pgbackfill.job') IS NULL"), "t");
}

}  // namespace
}  // namespace pgbackfill::test
