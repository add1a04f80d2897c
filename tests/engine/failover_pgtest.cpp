#include "engine/sync_point.hpp"
#include "tests/engine/traffic_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/standby.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>

namespace pgbackfill::test {
namespace {

/// A replica that lacks what was committed last takes the server's place under a run, which knows
/// of work that is gone.
class Failover : public TrafficTest {
 protected:
  void SetUp() override {
    standby_.emplace();
    TrafficTest::SetUp();
    create_tables(500);
    job(sections());
    file_ = write_file("unused", "").parent_path() / "job.toml";
    Standby::wait_until_replayed(session());
  }

  RunningProgram start(const std::string& sync_point = {}) const {
    ProgramOptions options;
    if (!sync_point.empty()) options.environment[engine::kSyncPointVariable] = sync_point;
    return {PGBACKFILL_EXECUTABLE,
            {"run", "-c", file_.string(), "--dsn", dsn(), "--batch-rows", "50", "--method", "copy"},
            options};
  }
  /// All that the run has done by `point` is gone when it goes on.
  void lose_what_is_done_until(const std::string& point) {
    SCOPED_TRACE(point);
    standby_->cut_off();
    RunningProgram program = start(point + "=stop");
    ASSERT_TRUE(program.wait_until_stopped()) << "never came there\n" << program.wait().err;
    TempCluster::shared().fail_over_to(standby_->cluster());
    program.signal(SIGCONT);
    outcome_ = program.wait();
  }
  /// The next run ends it, if it has not ended.
  void expect_done() {
    reconnect();
    EXPECT_EQ(differences(), 0);
    EXPECT_EQ(start().wait().exit_code, 0);
    EXPECT_EQ(run_program(PGBACKFILL_EXECUTABLE, {"verify", "-c", file_.string(), "--dsn", dsn()})
                  .exit_code,
              0);
  }

  std::optional<Standby> standby_;
  std::filesystem::path file_;
  ProgramOutcome outcome_;
};

TEST_F(Failover, BeforeTheLastBatchesGoesOnFromTheLedger) {
  auto spec = job(sections());
  run_until(spec, planner::Stage::kExpand);
  Standby::wait_until_replayed(session());
  lose_what_is_done_until("round-over");
  EXPECT_EQ(outcome_.exit_code, 0) << outcome_.err;
  expect_done();
}

TEST_F(Failover, BeforeTheLastStepsGoesOnFromTheLedger) {
  run_until(job(sections()), planner::Stage::kBackfill);
  Standby::wait_until_replayed(session());
  lose_what_is_done_until("step-recorded:9");
  EXPECT_EQ(outcome_.exit_code, 0) << outcome_.err;
  expect_done();
}

TEST_F(Failover, BeforeTheJobBeganSaysSoAndTheNextRunDoesItAll) {
  lose_what_is_done_until("range-done:2");
  EXPECT_EQ(outcome_.exit_code, 4) << outcome_.err;
  EXPECT_NE(outcome_.err.find("is not in the ledger any more"), std::string::npos) << outcome_.err;
  reconnect();
  EXPECT_EQ(start().wait().exit_code, 0);
  expect_done();
}

}  // namespace
}  // namespace pgbackfill::test
