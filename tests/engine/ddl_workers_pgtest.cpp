#include "tests/engine/job_fixture.hpp"
#include "tests/support/run_program.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace pgbackfill::test {
namespace {

/// Tables whose index builds cannot end as long as a transaction that has written to them lasts.
class DdlWorkers : public JobTest {
 protected:
  static constexpr int kTables = 4;

  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    for (int i = 0; i < kTables; ++i) {
      sql(
          fmt::format("CREATE TABLE t{0} (id integer PRIMARY KEY);"
                      "INSERT INTO t{0} SELECT generate_series(1, 10)",
                      i));
    }
  }

  /// The most builds that wait at the same time, once as many do as `workers` lets.
  void expect_builds_at_once(int workers, int expected) {
    std::string tables;
    for (int i = 0; i < kTables; ++i) tables += fmt::format("[[table]]\nname = \"t{}\"\n", i);
    const auto spec = job(tables);
    run_until(spec, planner::Stage::kForeignKey);
    auto holder = connect();
    holder.execute("BEGIN");
    for (int i = 0; i < kTables; ++i) {
      holder.execute(fmt::format("DELETE FROM t{} WHERE id = 1", i));
    }
    ProgramOptions patient;
    patient.timeout = std::chrono::minutes(2);
    RunningProgram program(PGBACKFILL_EXECUTABLE,
                           {"run", "-c", spec.file, "--dsn", dsn(), "--lock-timeout", "100s",
                            "--ddl-workers", std::to_string(workers)},
                           patient);
    std::int64_t most = 0;
    while (program.running() && most < expected) {
      most = count(
          "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database() "
          "AND phase LIKE 'waiting for%'");
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
    EXPECT_EQ(most, expected) << program.err();
    EXPECT_EQ(count("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' "
                    "AND state = 'active' AND datname = current_database()"),
              expected);
    holder.execute("COMMIT");
    const auto outcome = program.wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
};

TEST_F(DdlWorkers, OneBuildsIndexesOneAfterTheOther) { expect_builds_at_once(1, 1); }

TEST_F(DdlWorkers, SeveralBuildIndexesOfAsManyTables) { expect_builds_at_once(3, 3); }

}  // namespace
}  // namespace pgbackfill::test
