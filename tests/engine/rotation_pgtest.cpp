#include "engine/rollback/rollback.hpp"
#include "engine/verify/verifier.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tools/verify_report.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;

/// Partitions come and go while a job is under way.
class Rotation : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    write_team_lookup();
    sql("CREATE TABLE events (id bigint, at integer, team_id integer, PRIMARY KEY (id, at)) "
        "PARTITION BY RANGE (at)");
    for (int month = 1; month <= 4; ++month) create_partition(month);
    add_rows("events", 1, 4);
  }

  static std::string bounds(int month) {
    return fmt::format("FOR VALUES FROM ({}) TO ({})", month * 100, month * 100 + 100);
  }
  void create_partition(int month) {
    sql(fmt::format("CREATE TABLE events_{0} PARTITION OF events {1}", month, bounds(month)));
  }
  /// 50 rows a month.
  void add_rows(const std::string& table, int first, int last) {
    sql(
        fmt::format("INSERT INTO {} (id, at, team_id) SELECT 1000 * m + n, 100 * m + n, n % 20 + 1 "
                    "FROM generate_series({}, {}) AS m, generate_series(1, 50) AS n",
                    table, first, last));
  }
  /// A table with rows becomes a partition. The job's own CHECK may be on its way.
  void attach_partition(int month, bool filled) {
    sql(
        fmt::format("CREATE TABLE events_{} (id bigint NOT NULL, at integer NOT NULL, "
                    "team_id integer, org_id uuid{})",
                    month, filled ? " NOT NULL" : ""));
    add_rows_with_organization(month, filled);
    sql(fmt::format("ALTER TABLE events ATTACH PARTITION events_{} {}", month, bounds(month)));
  }
  void add_rows_with_organization(int month, bool filled) {
    sql(
        fmt::format("INSERT INTO events_{0} SELECT 1000 * {0} + n, 100 * {0} + n, n % 20 + 1, {1} "
                    "FROM generate_series(1, 50) AS n",
                    month, filled ? team_org("(n % 20 + 1)") : "NULL"));
  }

  planner::JobSpec events_job() {
    return job(std::string(kTeamLookup) + R"(
[[table]]
name = "events"
value = { lookup = "team_orgs", key = "team_id" }
)");
  }

  /// Runs the job to its end, and `act` meanwhile.
  template <typename Act>
  void while_running(const planner::JobSpec& spec, Act act) {
    std::string error;
    while_running(spec, act, error);
    EXPECT_EQ(error, "");
  }
  template <typename Act>
  void while_running(const planner::JobSpec& spec, Act act, std::string& error) {
    boost::thread job([&] {
      try {
        EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
      } catch (const std::exception& thrown) {
        error = thrown.what();
      }
    });
    try {
      act();
    } catch (const std::exception& thrown) {
      ADD_FAILURE() << thrown.what();
      sql("ROLLBACK");
    }
    job.join();
  }
  void wait_until_waited_for(const std::string& relation) {
    auto watcher = connect();
    const auto waits = [&] {
      return watcher
          .execute(fmt::format("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND "
                               "relation = to_regclass('{}'))",
                               relation))
          .boolean(0, 0);
    };
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!waits()) {
      if (std::chrono::steady_clock::now() > give_up) {
        ADD_FAILURE() << "nobody waits for " << relation;
        return;
      }
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
  }
  void roll_back(const planner::JobSpec& spec, std::optional<Stage> to) {
    engine::RollbackOptions back;
    back.engine = options(spec);
    back.to = to;
    back.confirm = [](const std::vector<std::string>&) { return true; };
    EXPECT_EQ(
        engine::rollback_job(spec, back, stop_, [](engine::LogLevel, std::string_view) {}).outcome,
        engine::RollbackOutcome::kDone);
  }

  /// The job ends, and all that the file asks for is so.
  void expect_end(const planner::JobSpec& spec) {
    ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
    expect_right(spec);
  }
  void expect_right(const planner::JobSpec& spec) {
    const auto report = engine::verify(spec, session());
    EXPECT_TRUE(report.passed()) << tools::verify_text(report);
    EXPECT_EQ(
        count("SELECT count(*) FROM events WHERE org_id IS DISTINCT FROM " + team_org("team_id")),
        0);
    EXPECT_EQ(
        count("SELECT count(*) FROM pg_partition_tree('events') AS t WHERE isleaf AND NOT "
              "EXISTS (SELECT FROM pg_index AS x WHERE x.indrelid = t.relid AND x.indisvalid "
              "AND x.indexrelid IN (SELECT relid FROM pg_partition_tree('ix_events_org_id')))"),
        0)
        << "a partition without its part of the index";
  }
};

/// Between two runs: the parameter is the last stage of the first.
class RotationBetween : public Rotation, public ::testing::WithParamInterface<Stage> {};

TEST_P(RotationBetween, PartitionsComeAndGo) {
  const auto spec = events_job();
  const Stage stage = GetParam();
  ASSERT_EQ(run_until(spec, stage).outcome, RunOutcome::kDone);
  sql("DROP TABLE events_1");
  sql("ALTER TABLE events DETACH PARTITION events_2");
  create_partition(5);
  // Once the column is NOT NULL the server lets no row without one in.
  if (stage < Stage::kEnforce) {
    add_rows("events", 5, 5);
    attach_partition(6, false);
  }
  attach_partition(7, true);
  sql("CREATE TABLE events_8 PARTITION OF events FOR VALUES FROM (800) TO (900) "
      "PARTITION BY HASH (id);"
      "CREATE TABLE events_8a PARTITION OF events_8 FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
      "CREATE TABLE events_8b PARTITION OF events_8 FOR VALUES WITH (MODULUS 2, REMAINDER 1)");
  expect_end(spec);
  EXPECT_EQ(
      count("SELECT count(*) FROM events_2 WHERE org_id IS DISTINCT FROM " + team_org("team_id")),
      0)
      << "its backfill was planned";
  EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.step WHERE state <> 'done'"), 0);
}

INSTANTIATE_TEST_SUITE_P(Stages, RotationBetween,
                         ::testing::Values(Stage::kExpand, Stage::kBackfill, Stage::kEnforce,
                                           Stage::kForeignKey, Stage::kIndex),
                         [](const auto& param) {
                           return param.param == Stage::kForeignKey
                                      ? std::string("foreign_key")
                                      : std::string(planner::to_string(param.param));
                         });

TEST_F(Rotation, PartitionsComeAndGoDuringTheBackfill) {
  const auto spec = events_job();
  ASSERT_EQ(run_until(spec, Stage::kExpand).outcome, RunOutcome::kDone);
  sql("BEGIN; LOCK TABLE events_1, events_2 IN SHARE MODE");
  while_running(spec, [&] {
    wait_until_waited_for("events_1");
    sql("DROP TABLE events_1; ALTER TABLE events DETACH PARTITION events_2");
    create_partition(5);
    attach_partition(6, false);
    sql("COMMIT");
  });
  expect_right(spec);
  EXPECT_TRUE(logged("partition \"public\".\"events_1\" does not exist any more"));
  EXPECT_TRUE(logged("\"public\".\"events_6\" has become a partition"));
}

TEST_F(Rotation, TheLastPartOfTheIndexGoesWithItsPartition) {
  const auto spec = events_job();
  ASSERT_EQ(run_until(spec, Stage::kForeignKey).outcome, RunOutcome::kDone);
  sql("CREATE INDEX ix_events_org_id_events_1 ON events_1 (org_id)");
  // Who reads keeps the index from being attached.
  sql("BEGIN; SELECT count(*) FROM events_1");
  std::string error;
  while_running(
      spec,
      [&] {
        wait_until_waited_for("ix_events_org_id_events_1");
        sql("DROP TABLE events_1; COMMIT");
      },
      error);
  if (!error.empty()) {
    // Not every release of the server finds out that the index is valid.
    ASSERT_NE(error.find("pgbackfill rollback --to foreign-key"), std::string::npos) << error;
    roll_back(spec, Stage::kForeignKey);
    ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  }
  expect_right(spec);
}

TEST_F(Rotation, APartitionComesBack) {
  const auto spec = events_job();
  ASSERT_EQ(run_until(spec, Stage::kExpand).outcome, RunOutcome::kDone);
  sql("ALTER TABLE events DETACH PARTITION events_2");
  sql("ALTER TABLE events DETACH PARTITION events_3");
  ASSERT_EQ(run_until(spec, Stage::kForeignKey).outcome, RunOutcome::kDone);
  sql("ALTER TABLE events_2 ALTER COLUMN org_id SET NOT NULL;"
      "ALTER TABLE events ATTACH PARTITION events_2 " +
      bounds(2));
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  sql("ALTER TABLE events_3 ALTER COLUMN org_id SET NOT NULL;"
      "ALTER TABLE events ATTACH PARTITION events_3 " +
      bounds(3));
  expect_end(spec);
}

TEST_F(Rotation, AConstantReachesAnAttachedTable) {
  const auto spec = job("[[table]]\nname = \"events\"\n");
  ASSERT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  attach_partition(6, false);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(count(fmt::format("SELECT count(*) FROM events WHERE org_id = '{}'", kDefaultOrg)),
            250);
  EXPECT_TRUE(engine::verify(spec, session()).passed());
}

TEST_F(Rotation, TheJobIsTakenBackWithoutThePartitionsThatWent) {
  const auto spec = events_job();
  ASSERT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
  attach_partition(6, false);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("DROP TABLE events_1; ALTER TABLE events DETACH PARTITION events_2");
  roll_back(spec, std::nullopt);
  EXPECT_EQ(count("SELECT count(*) FROM pg_attribute WHERE attname = 'org_id' AND attrelid IN "
                  "(SELECT relid FROM pg_partition_tree('events'))"),
            0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM pg_class WHERE relname LIKE 'ix\\_events%'"), 0);
}

}  // namespace
}  // namespace pgbackfill::test
