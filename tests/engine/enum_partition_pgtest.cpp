#include "tests/engine/enum_carry_fixture.hpp"
#include "tests/support/application.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using ::testing::HasSubstr;
using ::testing::Not;

class EnumPartition : public EnumCarry {
 protected:
  void SetUp() override {
    EnumCarry::SetUp();
    sql("CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
        "CREATE TABLE events (id int, day int, role user_role NOT NULL DEFAULT 'user',"
        " CONSTRAINT \"Key\" PRIMARY KEY (id, day, role)) PARTITION BY RANGE (day);"
        "CREATE TABLE low PARTITION OF events FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE high PARTITION OF events FOR VALUES FROM (10) TO (20) PARTITION BY HASH (id);"
        "CREATE TABLE high_0 PARTITION OF high FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE high_1 PARTITION OF high FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "CREATE INDEX by_role ON events (role, id); CREATE INDEX only_users ON events (day) WHERE "
        "role = 'user'; CREATE UNIQUE INDEX lone ON events (day, role, id);"
        "ALTER TABLE events ADD CONSTRAINT pair UNIQUE (role, day, id);"
        "COMMENT ON INDEX low_role_id_idx IS 'low'");
    sql(
        fmt::format("INSERT INTO events SELECT i, i % 20, (ARRAY['user', 'admin', 'manager'])"
                    "[i % 3 + 1]::user_role FROM generate_series(1, {}) AS i",
                    rows_));
  }

  /// What live writers do: labels that are there before and after, rows that move.
  auto changes() const {
    return [this](sql::Connection& session, int round) {
      session.execute(fmt::format("UPDATE events SET role = '{}', day = {} WHERE id = {}",
                                  round % 2 == 0 ? "manager" : "admin", round % 20,
                                  changed_row(round * 17, rows_)));
      session.execute(fmt::format("INSERT INTO events (id, day, role) VALUES ({}, {}, 'admin')",
                                  10000 + round, round % 20));
      session.execute(
          fmt::format("DELETE FROM events WHERE id = {}", changed_row(round * 29, rows_)));
    };
  }

  /// The job is over, and nothing of it left, whatever partitions there are now.
  void expect_done() {
    EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    EXPECT_EQ(value("SELECT string_agg(relname, ', ') FROM pg_class WHERE relname LIKE "
                    "'%pgbackfill%' AND relnamespace = 'public'::regnamespace"),
              "NULL");
    EXPECT_EQ(value("SELECT string_agg(typname, ', ') FROM pg_type WHERE typname LIKE "
                    "'%pgbackfill%' AND typnamespace = 'public'::regnamespace"),
              "NULL");
    EXPECT_EQ(value("SELECT count(*) FROM events WHERE role IS NULL OR role = 'foreman'"), "0");
    EXPECT_NE(value("SELECT count(*) FROM events WHERE role = 'worker'"), "0");
    EXPECT_THROW(sql("INSERT INTO events SELECT id, day, role FROM events LIMIT 1"), sql::Error);
  }
  /// One that has every index of the root, named as the server does.
  void expect_part_of_all(const std::string& partition) {
    EXPECT_EQ(value(fmt::format("SELECT count(*) FROM pg_index AS x JOIN pg_inherits AS i ON "
                                "i.inhrelid = x.indexrelid WHERE x.indrelid = '{}'::regclass",
                                partition)),
              value("SELECT count(*) FROM pg_index WHERE indrelid = 'events'::regclass"))
        << partition;
  }
  /// Rows of a partition to be, as the application writes them, which knows no shadow.
  void attach_filled(const std::string& partition, int first) {
    sql(
        fmt::format("CREATE TABLE {0} (LIKE events INCLUDING DEFAULTS);"
                    "INSERT INTO {0} (id, day, role) SELECT i, {1} + i % 10, 'user' FROM "
                    "generate_series(5001, 5100) AS i;"
                    "ALTER TABLE events ATTACH PARTITION {0} FOR VALUES FROM ({1}) TO ({2})",
                    partition, first, first + 10));
  }

  const int rows_ = 2000;
};

TEST_F(EnumPartition, IndexesFollowLiveWriters) {
  const auto after = expected_dump();
  Application writer(connect(), changes());
  writer.reach(5);
  ASSERT_EQ(refusal(enum_job(kWorkers)), "not refused");
  writer.reach(5);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  EXPECT_EQ(dump(), after);
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM events WHERE role IS NULL OR role = 'foreman'"), "0");
  EXPECT_NE(value("SELECT count(*) FROM events WHERE role = 'worker'"), "0");
  EXPECT_THROW(sql("INSERT INTO events SELECT id, day, role FROM events LIMIT 1"), sql::Error);
}

TEST_F(EnumPartition, TheTriggersGoFromTheRootOn) {
  const auto file = enum_file(kWorkers).string();
  ASSERT_EQ(pgbackfill({"run", "-c", file, "--until", "index"}).exit_code, 0);
  auto client = connect();
  sql::Transaction statement(client);
  client.execute("LOCK TABLE ONLY events, ONLY high IN ROW EXCLUSIVE MODE");
  auto run = std::async(std::launch::async, [&] { return pgbackfill({"run", "-c", file}); });
  for (int i = 0; i < 6000; ++i) {
    if (value("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'") !=
        "0") {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NO_THROW(client.execute("LOCK TABLE ONLY high_1 IN ROW EXCLUSIVE MODE NOWAIT"));
  statement.commit();
  const auto outcome = run.get();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(EnumPartition, OfflineTheNamesAreTheSame) {
  const auto after = expected_dump();
  auto offline = enum_job(kWorkers);
  offline.run.online = false;
  ASSERT_EQ(run(offline).outcome, RunOutcome::kDone);
  EXPECT_EQ(dump(), after);
}

TEST_F(EnumPartition, UpToTheSwapItCanBeTakenBack) { expect_taken_back_from_index(); }

TEST_F(EnumPartition, AfterFinishAllComesBack) {
  const auto before = dump();
  const auto rows = checksums();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  ASSERT_NE(checksums(), rows);
  EXPECT_EQ(roll_back(spec).outcome, engine::RollbackOutcome::kDone);
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(checksums(), rows);
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
}

TEST_F(EnumPartition, ComesBackUnderLiveWriters) {
  const auto before = dump();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  Application writer(connect(), changes());
  writer.reach(5);
  EXPECT_EQ(roll_back(spec).outcome, engine::RollbackOutcome::kDone);
  writer.reach(5);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(value("SELECT count(*) FROM events WHERE role IS NULL"), "0");
  EXPECT_NE(value("SELECT count(*) FROM events WHERE role = 'user'"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
}

TEST_F(EnumPartition, TakenBackToAStageItRunsAgain) {
  const auto after = expected_dump();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, planner::Stage::kIndex).outcome, RunOutcome::kDone);
  const auto at_index = dump();
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(roll_back(spec, planner::Stage::kIndex).outcome, engine::RollbackOutcome::kDone);
  auto again = dump();
  // What the first swap said of an index that it took in.
  std::erase_if(again, [](const std::string& line) {
    return (line.starts_with("COMMENT ON INDEX") || line.starts_with("comment index")) &&
           line.find("pgbackfill_new_") != line.npos;
  });
  EXPECT_EQ(again, at_index);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(dump(), after);
}

TEST_F(EnumPartition, APartitionThatGoesBeforeItsIndexesIsLeftOut) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, planner::Stage::kBackfill).outcome, RunOutcome::kDone);
  sql("DROP TABLE high");
  ASSERT_EQ(refusal(spec), "not refused");
  expect_done();
}

TEST_F(EnumPartition, OneThatGoesBeforeTheSwapIsLeftOut) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, planner::Stage::kIndex).outcome, RunOutcome::kDone);
  sql("DROP TABLE high_1; DROP TABLE low");
  ASSERT_EQ(refusal(spec), "not refused");
  expect_done();
}

TEST_F(EnumPartition, WhatItHasByItselfGoesWithIt) {
  sql("CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
  for (const char* partition : {"high_0", "high_1", "low"}) {
    sql(
        fmt::format("CREATE TRIGGER own BEFORE UPDATE OF role ON {0} FOR EACH ROW EXECUTE FUNCTION "
                    "touch(); CREATE POLICY own ON {0} USING (role <> 'user');"
                    "CREATE RULE own AS ON DELETE TO {0} WHERE OLD.role = 'user' DO ALSO NOTHING;"
                    "CREATE STATISTICS {0}_own ON role, day FROM {0}",
                    partition));
  }
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, planner::Stage::kIndex).outcome, RunOutcome::kDone);
  sql("DROP TABLE high_1");
  ASSERT_EQ(refusal(spec), "not refused");
  expect_done();
  const std::string own =
      "SELECT string_agg(pg_get_triggerdef(g.oid) || pg_get_ruledef(r.oid) || "
      "pg_get_expr(p.polqual, p.polrelid) || pg_get_statisticsobjdef(s.oid), chr(10) ORDER BY "
      "c.relname) FROM pg_class AS c JOIN pg_trigger AS g ON g.tgrelid = c.oid AND g.tgname = 'own'"
      " JOIN pg_policy AS p ON p.polrelid = c.oid JOIN pg_rewrite AS r ON r.ev_class = c.oid"
      " JOIN pg_statistic_ext AS s ON s.stxrelid = c.oid";
  const std::string with_new = value(own);
  EXPECT_THAT(with_new, HasSubstr("'worker'::user_role"));
  sql("DROP TABLE low");
  EXPECT_EQ(roll_back(spec).outcome, engine::RollbackOutcome::kDone);
  const std::string with_old = value(own);
  EXPECT_THAT(with_old, HasSubstr("ON public.high_0 "));
  EXPECT_THAT(with_old, HasSubstr("'user'::user_role"));
}

TEST_F(EnumPartition, OnesThatComeAreTakenAlong) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, planner::Stage::kExpand).outcome, RunOutcome::kDone);
  attach_filled("second", 20);
  ASSERT_EQ(run_until(spec, planner::Stage::kBackfill).outcome, RunOutcome::kDone);
  attach_filled("third", 30);
  ASSERT_EQ(run_until(spec, planner::Stage::kIndex).outcome, RunOutcome::kDone);
  sql("CREATE TABLE fourth PARTITION OF events FOR VALUES FROM (40) TO (50);"
      "INSERT INTO events (id, day) SELECT i, 40 FROM generate_series(6001, 6100) AS i");
  ASSERT_EQ(refusal(spec), "not refused");
  expect_done();
  for (const char* partition : {"low", "second", "third", "fourth"}) expect_part_of_all(partition);
  EXPECT_EQ(value("SELECT count(*) FROM events WHERE day >= 20 AND role = 'worker'"), "300");
}

TEST_F(EnumPartition, ItComesBackWithThePartitionsThatThereAre) {
  sql("ALTER TABLE events ADD second_role user_role; UPDATE events SET second_role = role");
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("DROP TABLE low;"
      "CREATE TABLE \"Next\" PARTITION OF events FOR VALUES FROM (20) TO (30);"
      "CREATE TABLE split PARTITION OF events FOR VALUES FROM (30) TO (40) PARTITION BY HASH (id);"
      "CREATE TABLE split_0 PARTITION OF split FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
      "INSERT INTO events SELECT i, 20 + i % 20, 'worker', 'worker' FROM "
      "generate_series(7001, 7100) AS i");
  EXPECT_EQ(roll_back(spec).outcome, engine::RollbackOutcome::kDone);
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
  EXPECT_EQ(
      value("SELECT string_agg(relname, ', ') FROM pg_class WHERE relname LIKE '%pgbackfill%'"),
      "NULL");
  EXPECT_EQ(value("SELECT count(*) FROM events WHERE second_role IS DISTINCT FROM role"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM events WHERE day >= 20 AND role = 'user'"), "100");
  for (const char* partition : {"high_0", "\"Next\"", "split_0"}) expect_part_of_all(partition);
}

TEST_F(EnumPartition, TakenBackToAStageItRunsAgainWithOnesThatCame) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("DROP TABLE low; CREATE TABLE second PARTITION OF events FOR VALUES FROM (20) TO (30);"
      "INSERT INTO events SELECT i, 20, 'worker' FROM generate_series(7001, 7100) AS i");
  EXPECT_EQ(roll_back(spec, planner::Stage::kIndex).outcome, engine::RollbackOutcome::kDone);
  EXPECT_EQ(value("SELECT count(*) FROM second WHERE role = 'user'"), "100");
  expect_part_of_all("second");
  sql("CREATE TABLE third PARTITION OF events FOR VALUES FROM (30) TO (40)");
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  expect_done();
  for (const char* partition : {"high_0", "second", "third"}) expect_part_of_all(partition);
}

/// From PostgreSQL 18 on a NOT NULL of its own outlives the root's.
TEST_F(EnumPartition, OneWithItsOwnNotNullTakesRowsRightBehindTheSwap) {
  attach_filled("second", 20);
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, planner::Stage::kIndex).outcome, RunOutcome::kDone);
  ASSERT_NO_FATAL_FAILURE(kill_right_behind_swap(spec));
  sql("INSERT INTO events (id, day, role) VALUES (9001, 21, 'worker'), (9001, 11, 'foreman')");
  EXPECT_THROW(sql("INSERT INTO events (id, day, role) VALUES (9002, 21, NULL)"), sql::Error);
  sql("DELETE FROM events WHERE id = 9001");
  ASSERT_EQ(refusal(spec), "not refused");
  expect_done();
}

TEST_F(EnumPartition, OneThatLeavesKeepsTheOldLabelsAndHoldsTheCutover) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, planner::Stage::kIndex).outcome, RunOutcome::kDone);
  sql("ALTER TABLE events DETACH PARTITION low; CREATE TABLE later (roles user_role[]);"
      "CREATE TEMPORARY TABLE passing (role user_role)");
  const auto before = dump();
  try {
    run(spec);
    FAIL() << "two tables keep the old labels";
  } catch (const sql::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("not in the plan, and of the type whose labels change: "));
    EXPECT_THAT(error.what(), HasSubstr("column role of table low"));
    EXPECT_THAT(error.what(), HasSubstr("column roles of table later"));
    EXPECT_THAT(error.what(), Not(HasSubstr("passing")));
  }
  EXPECT_EQ(dump(), before);
  sql("ALTER TABLE later ALTER roles TYPE text[]; DROP TABLE low; DROP TABLE passing");
  ASSERT_EQ(refusal(spec), "not refused");
  EXPECT_EQ(value("SELECT count(*) FROM pg_type WHERE typname LIKE '%pgbackfill%'"), "0");
  EXPECT_NE(value("SELECT count(*) FROM events WHERE role = 'worker'"), "0");
}

TEST_F(EnumPartition, WhatCannotFollowIsRefused) {
  sql("CREATE INDEX half ON ONLY events (role)");
  EXPECT_THAT(refusal(enum_job(kWorkers)),
              HasSubstr("index half of table events: it is not valid: some partitions lack it"));
  sql("DROP INDEX half; ALTER TABLE events ADD CONSTRAINT later UNIQUE (id, role, day) DEFERRABLE");
  EXPECT_THAT(refusal(enum_job(kWorkers)), HasSubstr("index later of table events: it is an"));
}

}  // namespace
}  // namespace pgbackfill::test
