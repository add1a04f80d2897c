#include "sql/identifier.hpp"
#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/schema_text.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

using ::testing::HasSubstr;

class Shrink : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    small_ = database() + "_small";
    server().execute("CREATE DATABASE " + small_);
    if (find_client("pg_dump").empty()) {
      GTEST_SKIP() << "it copies the schema by a pg_dump, which may not be older than the server";
    }
  }
  void TearDown() override {
    small_session_.reset();
    server().execute(fmt::format("DROP DATABASE {} WITH (FORCE)", small_));
    PgTest::TearDown();
  }

  static ::pgbackfill::sql::Connection open(const std::string& dsn) {
    ::pgbackfill::sql::ConnectOptions options;
    options.dsn = dsn;
    return ::pgbackfill::sql::Connection(std::move(options));
  }
  static ::pgbackfill::sql::Connection server() { return open(TempCluster::shared().dsn()); }

  ProgramOutcome shrink(std::vector<std::string> options) {
    options.insert(options.end(), {"--from", dsn(), "--to", TempCluster::shared().dsn(small_)});
    ProgramOptions how;
    how.environment = {{"PATH", find_server_binaries().string() + ":" + std::getenv("PATH")}};
    how.timeout = std::chrono::minutes(5);
    return run_program(PGBACKFILL_SHRINK_BINARY, options, how);
  }
  void shrunk(const std::vector<std::string>& options) {
    const ProgramOutcome outcome = shrink(options);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  /// One value of the small database.
  std::string small(const std::string& query) {
    if (!small_session_) {
      small_session_ =
          std::make_unique<::pgbackfill::sql::Connection>(open(TempCluster::shared().dsn(small_)));
    }
    return std::string(small_session_->execute(query).optional_text(0, 0).value_or("NULL"));
  }
  void empty_small() {
    small_session_.reset();
    server().execute(fmt::format("DROP DATABASE {} WITH (FORCE)", small_));
    server().execute("CREATE DATABASE " + small_);
  }

  /// All rows of all tables of the small database, as one digest.
  std::string digest() {
    return small(
        "SELECT md5(string_agg(c.oid::regclass || query_to_xml(format('SELECT md5(string_agg("
        "t::text, '','' ORDER BY t::text)) FROM %s AS t', c.oid::regclass), false, false, "
        "'')::text, ' ' ORDER BY c.relname)) FROM pg_class AS c WHERE relkind = 'r' AND "
        "relnamespace = 'public'::regnamespace");
  }

  std::string small_;
  std::unique_ptr<::pgbackfill::sql::Connection> small_session_;
};

TEST_F(Shrink, CopiesAPartOfTheSampleWithAllThatBelongsToIt) {
  const ProgramOutcome sample =
      run_program(PGBACKFILL_SAMPLE_BINARY, {"--dsn", dsn(), "--scale", "0.05"});
  ASSERT_EQ(sample.exit_code, 0) << sample.err;
  ASSERT_NO_FATAL_FAILURE(shrunk({"--root", "teams", "--rows", "6"}));
  // Drawn, besides those that other tables' rows refer to.
  const int teams = std::stoi(small("SELECT count(*) FROM teams"));
  EXPECT_GE(teams, 6);
  EXPECT_LT(teams, std::stoi(value("SELECT count(*) FROM teams")));
  // Of a team that was drawn there are all bookings; foreign keys are valid or would not be there.
  const std::string keys =
      "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated";
  EXPECT_EQ(small(keys), value(keys));
  EXPECT_NE(small("SELECT count(*) FROM bookings"), "0");
  EXPECT_LT(std::stoi(small("SELECT count(*) FROM bookings")),
            std::stoi(value("SELECT count(*) FROM bookings")));
  const std::string next = "SELECT nextval(pg_get_serial_sequence('teams', 'team_id'))";
  EXPECT_EQ(small(next), value(next));
  const std::string first = digest();
  empty_small();
  ASSERT_NO_FATAL_FAILURE(shrunk({"--root", "teams", "--rows", "6"}));
  EXPECT_EQ(digest(), first);
  empty_small();
  ASSERT_NO_FATAL_FAILURE(shrunk({"--root", "teams", "--rows", "6", "--seed", "1"}));
  EXPECT_NE(digest(), first);
}

TEST_F(Shrink, FollowsCyclesCompositeKeysPartitionsAndMixedCase) {
  sql(R"sql(
CREATE SCHEMA "Shop";
CREATE TABLE "Shop"."Org" (region text, "Id" integer, CHECK (region <> ''),
  doubled integer GENERATED ALWAYS AS ("Id" * 2) STORED, PRIMARY KEY (region, "Id"));
CREATE TABLE "Shop"."Person" (id integer PRIMARY KEY, boss integer REFERENCES "Shop"."Person",
  region text, org integer, FOREIGN KEY (region, org) REFERENCES "Shop"."Org");
CREATE TABLE a (id integer PRIMARY KEY, b integer);
CREATE TABLE b (id integer PRIMARY KEY, a integer NOT NULL REFERENCES a);
ALTER TABLE a ADD CONSTRAINT "a to b" FOREIGN KEY (b) REFERENCES b;
CREATE TABLE visit (day date, n integer, person integer REFERENCES "Shop"."Person",
  PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE visit_2 PARTITION OF visit FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
ALTER TABLE visit_2 ADD CONSTRAINT of_one FOREIGN KEY (n) REFERENCES a;
CREATE TABLE note (text text, day date, n integer, FOREIGN KEY (day, n) REFERENCES visit);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';
INSERT INTO "Shop"."Org" SELECT 'r' || n % 3, n FROM generate_series(1, 20) AS n;
INSERT INTO "Shop"."Person" SELECT n, NULLIF(n / 2, 0), 'r' || n % 20 % 3, NULLIF(n % 20, 0)
  FROM generate_series(1, 200) AS n;
INSERT INTO a SELECT n FROM generate_series(1, 60) AS n;
INSERT INTO b SELECT n, 1 + n % 60 FROM generate_series(1, 60) AS n;
UPDATE a SET b = 1 + (id * 7) % 60 WHERE id % 3 > 0;
INSERT INTO visit SELECT date '2024-06-01' + 300 * (n % 2), n, (SELECT max(id) FROM "Shop"."Person"
  WHERE id <= n) FROM generate_series(1, 60) AS n;
INSERT INTO note SELECT e'a\tb \\ ' || n, day, n FROM visit;
CREATE TRIGGER t BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION refuse();
)sql");
  ASSERT_NO_FATAL_FAILURE(shrunk({"--root", "\"Shop\".\"Org\"", "--share", "0.1"}));
  EXPECT_EQ(small("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND "
                  "conparentid = 0"),
            "7");
  EXPECT_EQ(small("SELECT count(*) FROM pg_trigger WHERE tgname = 't'"), "1");
  for (const char* const table :
       {"\"Shop\".\"Org\"", "\"Shop\".\"Person\"", "a", "b", "visit_1", "visit_2", "note"}) {
    const std::string count = std::string("SELECT count(*) FROM ") + table;
    EXPECT_NE(small(count), "0") << table;
  }
  // What hangs on a person's visits is there: a note each.
  EXPECT_EQ(small("SELECT count(*) FROM note WHERE text LIKE e'a\tb \\\\\\\\ %'"),
            small("SELECT count(*) FROM note"));
  EXPECT_LT(std::stoi(small("SELECT count(*) FROM \"Shop\".\"Org\"")), 20);
}

TEST_F(Shrink, RefusesADatabaseThatIsNotEmptyAndTablesThatAreNotThere) {
  sql("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1)");
  EXPECT_EQ(shrink({"--root", "u"}).exit_code, 2);
  EXPECT_EQ(small("SELECT count(*) FROM pg_class WHERE relname = 't'"), "0");
  ASSERT_NO_FATAL_FAILURE(shrunk({}));
  const ProgramOutcome again = shrink({});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("has public.t already: give it an empty one"));
  EXPECT_EQ(small("SELECT count(*) FROM t"), "1");
}

}  // namespace
}  // namespace pgbackfill::test
