#include "engine/ledger/ledger.hpp"
#include "tests/engine/traffic_fixture.hpp"
#include "tests/support/standby.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <optional>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;
using ::testing::HasSubstr;

constexpr std::int64_t kMegabyte = 1 << 20;

/// Asks a primary over and over how many bytes of WAL its replicas have not replayed.
class LagSampler {
 public:
  explicit LagSampler(sql::Connection connection)
      : connection_(std::move(connection)), thread_([this] {
          while (!ended_) {
            look();
            boost::this_thread::sleep_for(boost::chrono::milliseconds(2));
          }
        }) {}
  ~LagSampler() { most(); }

  /// The highest lag of all looks, of which this is the last.
  std::int64_t most() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
    return most_;
  }

 private:
  void look() {
    const auto lag = connection_.execute(
        "SELECT coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 0)::bigint "
        "FROM pg_stat_replication");
    most_ = std::max(most_, lag.integer(0, 0));
  }

  sql::Connection connection_;
  std::int64_t most_ = 0;
  std::atomic<bool> ended_{false};
  boost::thread thread_;
};

/// Jobs whose limit is the lag of a standby that streams from the tests' server.
class ReplicaLag : public TrafficTest {
 protected:
  void SetUp() override {
    standby_.emplace();
    TrafficTest::SetUp();
  }
  void TearDown() override {
    if (thread_.joinable()) {
      stop_.request();
      thread_.join();
    }
    TrafficTest::TearDown();
    standby_.reset();
  }

  /// All that is written is replayed when it returns.
  planner::JobSpec prepare(int bookings) {
    create_tables(bookings);
    Standby::wait_until_replayed(session());
    return job(sections());
  }
  planner::JobSpec limited(int bookings, std::int64_t bytes) {
    auto spec = prepare(bookings);
    spec.run.max_replica_lag.bytes = bytes;
    return spec;
  }

  /// The job up to the end of the backfill, in a thread of its own.
  void begin(const planner::JobSpec& spec) {
    thread_ = boost::thread([this, spec] {
      try {
        report_ = run_until(spec, Stage::kBackfill);
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
    });
  }
  const engine::RunReport& join() {
    thread_.join();
    return report_;
  }
  std::int64_t pending() {
    return count(
        "SELECT (SELECT count(*) FROM bookings WHERE org_id IS NULL) + (SELECT count(*) "
        "FROM runs WHERE org_id IS NULL) + (SELECT count(*) FROM items WHERE org_id IS NULL)");
  }
  void wait_until_shown(std::string_view text) {
    while (engine::Ledger(session()).latest_job()->throttle.find(text) == std::string::npos) {
      boost::this_thread::yield();
    }
  }
  void delay_replay(int milliseconds) {
    auto replica = standby_->connect();
    replica.execute(fmt::format("ALTER SYSTEM SET recovery_min_apply_delay = {}", milliseconds));
    replica.execute("SELECT pg_reload_conf()");
    while (replica.execute("SHOW recovery_min_apply_delay").text(0, 0) == "0") {
    }
  }
  void expect_done(const engine::RunReport& report) {
    EXPECT_EQ(report.outcome, RunOutcome::kDone);
    EXPECT_GT(report.throttled, 0);
    EXPECT_EQ(pending(), 0);
  }
  static void print(std::int64_t lag, std::int64_t limit) {
    std::cout << fmt::format("highest lag {:.1f} MB, {:.2f} x the limit\n",
                             static_cast<double>(lag) / kMegabyte,
                             static_cast<double>(lag) / static_cast<double>(limit));
  }

  std::optional<Standby> standby_;

 private:
  boost::thread thread_;
  engine::RunReport report_;
};

TEST_F(ReplicaLag, StaysUnderItsLimitWhileClientsWrite) {
  const std::int64_t limit = (long_form() ? 16 : 4) * kMegabyte;
  const auto spec = limited(long_form() ? 250'000 : 10'000, limit);
  // The replica is behind by all that is written in that time: without a limit by far more.
  delay_replay(long_form() ? 500 : 1000);
  Clients clients(dsn(), 3, false, std::chrono::milliseconds(10));
  run_until(spec, Stage::kExpand);
  clients.deploy(Version::kMixed);
  LagSampler sampler(connect());
  const auto report = run_until(spec, Stage::kBackfill);
  const std::int64_t most = sampler.most();
  print(most, limit);
  clients.end();
  EXPECT_LT(most, limit * 3 / 2);
  EXPECT_GT(most, limit / 2) << "the job did not come near";
  expect_done(report);
  EXPECT_EQ(clients.failures(), 0) << clients.first_failure();
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(differences(), 0);
}

TEST_F(ReplicaLag, StopsAtItsLimitWhileNothingIsReplayedAndGoesOnAfterwards) {
  constexpr std::int64_t kLimit = 4 * kMegabyte;
  const auto spec = limited(15'000, kLimit);
  auto replica = standby_->connect();
  LagSampler sampler(connect());
  begin(spec);
  replica.execute("SELECT pg_wal_replay_pause()");
  wait_for_log("paused: replica standby is ");
  wait_until_shown("MB behind, the limit is 4.0 MB");
  const std::int64_t left = pending();
  EXPECT_GT(left, 0);
  // Whoever passed before the pause has ended by the time of the second look.
  const std::string batches = "SELECT sum(batches) FROM pgbackfill.range";
  const std::int64_t before = count(batches);
  EXPECT_LE(count(batches) - before, spec.run.workers);
  const std::int64_t most = sampler.most();
  print(most, kLimit);
  EXPECT_LT(most, kLimit * 3 / 2);
  replica.execute("SELECT pg_wal_replay_resume()");
  expect_done(join());
  EXPECT_EQ(engine::Ledger(session()).latest_job()->throttle, "");
}

TEST_F(ReplicaLag, InTimeGrowsWhileNothingIsReplayed) {
  auto spec = prepare(2000);
  spec.run.max_replica_lag.time = std::chrono::seconds(1);
  // The writers wait until the lag is there, however quick they are.
  spec.run.throttle_query = "SELECT held FROM gate";
  sql("CREATE TABLE gate AS SELECT true AS held");
  auto replica = standby_->connect();
  begin(spec);
  wait_for_log("paused: throttle_query says 1");
  replica.execute("SELECT pg_wal_replay_pause()");
  sql("CREATE TABLE filler AS SELECT 1 AS n");
  wait_for_log("paused: replica standby is ");
  sql("UPDATE gate SET held = false");
  EXPECT_TRUE(logged(" s behind, the limit is 1.0 s"));
  EXPECT_GT(pending(), 0);
  EXPECT_EQ(count("SELECT coalesce(sum(batches), 0) FROM pgbackfill.range"), 0);
  replica.execute("SELECT pg_wal_replay_resume()");
  expect_done(join());
}

TEST_F(ReplicaLag, ThatIsThereAlreadyPausesFromTheStart) {
  const auto spec = limited(2000, kMegabyte);
  auto replica = standby_->connect();
  replica.execute("SELECT pg_wal_replay_pause()");
  sql("CREATE TABLE filler AS SELECT repeat('x', 500) AS t FROM generate_series(1, 20000)");
  begin(spec);
  wait_for_log("paused: replica standby is ");
  EXPECT_GT(pending(), 0);
  replica.execute("SELECT pg_wal_replay_resume()");
  expect_done(join());
}

TEST_F(ReplicaLag, OfAReplicaThatIsStoppedPausesUntilItIsBack) {
  const auto spec = limited(2000, kMegabyte);
  standby_->cluster().stop();
  begin(spec);
  wait_for_log("paused: no replica is connected, so its lag cannot be seen");
  EXPECT_GT(pending(), 0);
  standby_->cluster().start();
  expect_done(join());
}

}  // namespace
}  // namespace pgbackfill::test
