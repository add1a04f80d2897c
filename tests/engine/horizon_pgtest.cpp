#include "engine/backfill/horizon.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/temp_cluster.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace pgbackfill::test {
namespace {

using engine::HolderKind;
using engine::HorizonHolder;
using engine::RunOutcome;
using planner::HeldHorizon;
using planner::Stage;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kSnapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";

bool eventually(const std::function<bool()>& holds, seconds within = seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    boost::this_thread::sleep_for(boost::chrono::milliseconds(20));
  }
  return true;
}

sql::Connection open(const std::string& dsn, const std::string& name = "holder") {
  sql::ConnectOptions options;
  options.dsn = dsn;
  options.application_name = name;
  return sql::Connection(options);
}

const HorizonHolder* find(const std::vector<HorizonHolder>& holders, HolderKind kind,
                          std::string_view name) {
  const auto found = std::find_if(holders.begin(), holders.end(), [&](const HorizonHolder& holder) {
    return holder.kind == kind && holder.name == name;
  });
  return found == holders.end() ? nullptr : &*found;
}

class HorizonHolders : public PgTest {
 protected:
  std::int64_t count(std::string_view query) { return sql(query).integer(0, 0); }
};

TEST_F(HorizonHolders, OpenTransactionsAreListedOldestFirst) {
  auto old = open(dsn(), "old app");
  old.execute(kSnapshot);
  sql("CREATE TABLE t (n integer)");
  auto writer = open(dsn(), "writer");
  writer.execute("BEGIN; INSERT INTO t VALUES (1)");
  sql("INSERT INTO t VALUES (2)");
  auto ours = open(dsn(), "pgbackfill reader");
  ours.execute(kSnapshot);
  auto idle = open(dsn(), "read committed");
  idle.execute("BEGIN; SELECT 1");

  const auto holders = engine::horizon_holders(session());
  const HorizonHolder* holder = find(holders, HolderKind::kSession, "old app");
  ASSERT_NE(holder, nullptr);
  EXPECT_EQ(holder->pid, old.backend_pid());
  EXPECT_EQ(holder->user, "postgres");
  EXPECT_EQ(holder->database, "");
  EXPECT_EQ(holder->state, "idle in transaction");
  EXPECT_GE(holder->age, 3);
  EXPECT_TRUE(holder->seconds.has_value());
  const HorizonHolder* second = find(holders, HolderKind::kSession, "writer");
  ASSERT_NE(second, nullptr);
  EXPECT_LT(holder, second);
  EXPECT_LT(second->age, holder->age);
  EXPECT_EQ(find(holders, HolderKind::kSession, "pgbackfill reader"), nullptr);
  EXPECT_EQ(find(holders, HolderKind::kSession, "read committed"), nullptr);
  old.execute("COMMIT");
  EXPECT_EQ(find(engine::horizon_holders(session()), HolderKind::kSession, "old app"), nullptr);
}

TEST_F(HorizonHolders, ASnapshotOfAnotherDatabaseDoesNotCountATransactionIdDoes) {
  auto snapshot = open(TempCluster::shared().dsn(), "elsewhere");
  snapshot.execute(kSnapshot);
  auto writer = open(TempCluster::shared().dsn(), "writes elsewhere");
  writer.execute("BEGIN; SELECT pg_current_xact_id()");
  const auto holders = engine::horizon_holders(session());
  // Version 13 has all snapshots count.
  EXPECT_EQ(find(holders, HolderKind::kSession, "elsewhere") == nullptr,
            session().server_version() >= 140000);
  const HorizonHolder* holder = find(holders, HolderKind::kSession, "writes elsewhere");
  ASSERT_NE(holder, nullptr);
  EXPECT_EQ(holder->database, "postgres");
}

TEST_F(HorizonHolders, AnalyzeCountsVacuumDoesNot) {
  sql("CREATE TABLE t (n integer); INSERT INTO t VALUES (1)");
  auto blocker = open(dsn(), "blocker");
  blocker.execute("BEGIN; LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE");
  for (const char* statement : {"VACUUM t", "ANALYZE t"}) {
    SCOPED_TRACE(statement);
    auto maintenance = open(dsn(), "maintenance");
    const auto pid = maintenance.backend_pid();
    boost::thread thread([&] { EXPECT_THROW(maintenance.execute(statement), sql::Error); });
    const bool waits = eventually([&] {
      return count(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND "
                               "wait_event_type = 'Lock' AND backend_xmin IS NOT NULL",
                               pid)) == 1;
    });
    EXPECT_TRUE(waits);
    const auto holders = engine::horizon_holders(session());
    EXPECT_EQ(find(holders, HolderKind::kSession, "maintenance") != nullptr,
              std::string_view(statement) == "ANALYZE t");
    sql(fmt::format("SELECT pg_cancel_backend({})", pid));
    thread.join();
  }
}

TEST_F(HorizonHolders, AnOrdinaryRoleSeesOthersWithoutTheirState) {
  auto other = open(dsn(), "app");
  other.execute(kSnapshot);
  const std::string role = "plain_" + database();
  sql(fmt::format("CREATE ROLE {} LOGIN", role));
  {
    auto plain = connect(role);
    const auto holders = engine::horizon_holders(plain);
    const HorizonHolder* holder = find(holders, HolderKind::kSession, "app");
    ASSERT_NE(holder, nullptr);
    EXPECT_EQ(holder->pid, other.backend_pid());
    EXPECT_EQ(holder->state, "");
    EXPECT_FALSE(holder->seconds.has_value());
  }
  sql(fmt::format("DROP ROLE {}", role));
}

/// As a standby would: streams from the server and sends feedback about its oldest snapshot.
class Standby {
 public:
  Standby(const TempCluster& cluster, sql::Connection& admin, const std::string& slot)
      : link_(PQconnectdb((cluster.dsn() + " replication=true application_name=standby_1").c_str()),
              PQfinish) {
    const std::string lsn(admin.execute("SELECT pg_current_wal_lsn()").text(0, 0));
    const std::string from = slot.empty() ? "" : "SLOT " + slot + " ";
    PQclear(PQexec(link_.get(), ("START_REPLICATION " + from + "PHYSICAL " + lsn).c_str()));
  }

  /// Whether the server took it.
  bool feedback(std::int64_t xmin) {
    std::string message = "h" + std::string(8, '\0');
    append(message, xmin & 0xffffffff);
    append(message, xmin >> 32);
    message += std::string(8, '\0');
    return PQputCopyData(link_.get(), message.data(), static_cast<int>(message.size())) == 1 &&
           PQflush(link_.get()) == 0;
  }

 private:
  static void append(std::string& message, std::int64_t value) {
    for (const int shift : {24, 16, 8, 0}) message += static_cast<char>(value >> shift & 0xff);
  }
  std::unique_ptr<PGconn, void (*)(PGconn*)> link_;
};

/// With a server of its own, where transactions can be prepared.
TEST_F(HorizonHolders, PreparedTransactionsSlotsAndStandbys) {
  const TempCluster cluster(TempCluster::Settings{{"max_prepared_transactions", "4"}});
  auto admin = open(cluster.dsn(), "admin");
  admin.execute("CREATE TABLE t (n integer)");
  admin.execute("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'half done'");
  auto holders = engine::horizon_holders(admin);
  const HorizonHolder* prepared = find(holders, HolderKind::kPreparedTransaction, "half done");
  ASSERT_NE(prepared, nullptr);
  EXPECT_EQ(prepared->user, "postgres");
  EXPECT_EQ(prepared->pid, 0);
  EXPECT_TRUE(prepared->seconds.has_value());
  admin.execute("ROLLBACK PREPARED 'half done'");

  const auto xmin =
      admin.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint").integer(0, 0);
  for (const std::string slot : {"", "slot_1"}) {
    SCOPED_TRACE(slot);
    if (!slot.empty()) {
      admin.execute("SELECT pg_create_physical_replication_slot('slot_1')");
      EXPECT_TRUE(engine::horizon_holders(admin).empty()) << "a slot without xmin holds nothing";
    }
    Standby standby(cluster, admin, slot);
    ASSERT_TRUE(standby.feedback(xmin));
    EXPECT_TRUE(eventually([&] {
      holders = engine::horizon_holders(admin);
      return !holders.empty();
    }));
    ASSERT_EQ(holders.size(), 1U);
    EXPECT_EQ(holders[0].kind, slot.empty() ? HolderKind::kStandby : HolderKind::kReplicationSlot);
    EXPECT_EQ(holders[0].name, slot.empty() ? "standby_1" : slot);
    EXPECT_NE(holders[0].pid, 0);
    EXPECT_EQ(holders[0].xmin, std::to_string(xmin));
  }
}

/// Jobs over a table of full pages while somebody keeps an old snapshot. A trigger makes them last.
class HorizonJobs : public JobTest {
 protected:
  static constexpr int kRows = 6500;

  void create_tables() {
    create_organizations();
    write_team_lookup();
    sql(fmt::format(
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, note text);"
        "INSERT INTO bookings SELECT n, n % 20 + 1, repeat('x', 280) FROM "
        "generate_series(1, {}) AS n;"
        "CREATE INDEX ON bookings (note);"
        "CREATE TABLE leads (lead_id integer PRIMARY KEY, team_id integer);"
        "INSERT INTO leads SELECT n, n % 20 + 1 FROM generate_series(1, 1000) AS n;"
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END $$;"
        "CREATE TRIGGER dawdle BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION dawdle();"
        "CREATE TRIGGER dawdle BEFORE UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION dawdle();"
        "ANALYZE",
        kRows));
  }

  /// Version 13 reads by key, where there are no passes that could wait for anything.
  bool waits() { return session().server_version() >= 140000; }

  planner::JobSpec slow_job(HeldHorizon reaction) {
    auto spec = job(std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "leads"
value = { lookup = "team_orgs", key = "team_id" }
)");
    spec.run.batch_rows = 5;
    spec.run.user_triggers = planner::UserTriggers::kFire;
    spec.run.on_held_horizon = reaction;
    run_until(spec, Stage::kExpand);
    return spec;
  }

  engine::LogSink logger() {
    return [this](engine::LogLevel level, std::string_view line) {
      const engine::MutexLock lock(mutex_);
      // That the table's trigger fires is told as well.
      if (line.starts_with("user triggers: ")) return;
      (level == engine::LogLevel::kWarning ? warnings_ : notes_).emplace_back(line);
    };
  }
  std::vector<std::string> warnings() {
    const engine::MutexLock lock(mutex_);
    return warnings_;
  }
  std::vector<std::string> notes() {
    const engine::MutexLock lock(mutex_);
    return notes_;
  }

  /// The backfill in a thread of its own.
  class Run {
   public:
    Run(HorizonJobs& test, const planner::JobSpec& spec)
        : thread_([this, &test, spec] {
            engine::EngineOptions options = test.options(spec);
            options.until = Stage::kBackfill;
            try {
              outcome_ = engine::run_job(spec, options, board_, stop_, test.logger()).outcome;
            } catch (const std::exception& error) {
              ADD_FAILURE() << error.what();
            }
            over_ = true;
          }) {}
    ~Run() {
      stop_.request();
      join();
    }
    void stop() { stop_.request(); }
    bool over() const { return over_; }
    RunOutcome join() {
      if (thread_.joinable()) thread_.join();
      return outcome_;
    }

   private:
    engine::StopSignal stop_;
    engine::ProgressBoard board_;
    std::atomic<bool> over_{false};
    RunOutcome outcome_ = RunOutcome::kStopped;
    boost::thread thread_;
  };

  std::int64_t pending(std::string_view table) {
    return count(fmt::format("SELECT count(*) FROM {} WHERE org_id IS NULL", table));
  }
  /// Whether no more rows of bookings are written; what was read before may still be.
  bool comes_to_a_standstill() {
    std::int64_t before = -1;
    return eventually([&] {
      const std::int64_t now = pending("bookings");
      const bool still = now == before && now > 0;
      before = now;
      boost::this_thread::sleep_for(boost::chrono::milliseconds(800));
      return still;
    });
  }

 private:
  engine::Mutex mutex_;
  std::vector<std::string> warnings_;
  std::vector<std::string> notes_;
};

TEST_F(HorizonJobs, ContinueFinishesWhileTheHolderLivesAndNamesIt) {
  create_tables();
  auto holder = open(dsn());
  holder.execute(kSnapshot);
  Run run(*this, slow_job(HeldHorizon::kContinue));
  EXPECT_EQ(run.join(), RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), kRows);
  if (!waits()) {
    EXPECT_THAT(warnings(), ::testing::IsEmpty());
    return;
  }
  ASSERT_EQ(warnings().size(), 1U);
  EXPECT_THAT(warnings()[0],
              AllOf(HasSubstr(fmt::format("session {} (holder, user postgres, idle in transaction)",
                                          holder.backend_pid())),
                    HasSubstr("one pass")));
  EXPECT_EQ(value("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                  "'pgbackfill horizon' AND datname = current_database()"),
            "0");
}

TEST_F(HorizonJobs, WaitGoesOnWhenTheHolderIsGone) {
  create_tables();
  auto holder = open(dsn());
  holder.execute(kSnapshot);
  Run run(*this, slow_job(HeldHorizon::kWait));
  if (!waits()) {
    EXPECT_EQ(run.join(), RunOutcome::kDone);
    EXPECT_THAT(warnings(), ::testing::IsEmpty());
    return;
  }
  ASSERT_TRUE(comes_to_a_standstill());
  EXPECT_FALSE(run.over());
  ASSERT_EQ(warnings().size(), 1U);
  EXPECT_THAT(warnings()[0], AllOf(HasSubstr(fmt::format("session {} ", holder.backend_pid())),
                                   HasSubstr("wait until")));
  EXPECT_TRUE(eventually([&] { return pending("leads") == 0; }))
      << "a table that needs one pass does not wait";
  holder.execute("COMMIT");
  EXPECT_EQ(run.join(), RunOutcome::kDone);
  EXPECT_THAT(notes(), ::testing::Contains(HasSubstr("can be removed again")));
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), kRows);
}

TEST_F(HorizonJobs, AStopEndsTheWaitingAtOnceAndRunGoesOn) {
  create_tables();
  auto holder = open(dsn());
  holder.execute(kSnapshot);
  {
    Run run(*this, slow_job(HeldHorizon::kWait));
    if (waits()) {
      ASSERT_TRUE(comes_to_a_standstill());
    }
    const auto asked = std::chrono::steady_clock::now();
    run.stop();
    EXPECT_EQ(run.join(), RunOutcome::kStopped);
    EXPECT_LT(std::chrono::steady_clock::now() - asked, milliseconds(1500));
  }
  Run again(*this, slow_job(HeldHorizon::kContinue));
  EXPECT_EQ(again.join(), RunOutcome::kDone);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(ledger_rows("backfill:bookings"), kRows);
}

/// The watch alone.
class HorizonWatchTest : public HorizonJobs {};

TEST_F(HorizonWatchTest, SurvivesTheLossOfItsSession) {
  engine::EngineOptions options;
  options.dsn = dsn();
  engine::HorizonWatch watch(options, stop_, logger());
  EXPECT_FALSE(watch.held());
  auto holder = open(dsn());
  holder.execute(kSnapshot);
  sql("CREATE TABLE t (n integer)");
  watch.start();
  watch.start();
  EXPECT_TRUE(eventually([&] { return watch.held(); }));
  EXPECT_EQ(value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                  "application_name = 'pgbackfill horizon' AND datname = current_database()"),
            "1");
  EXPECT_TRUE(eventually([&] { return !watch.held(); }));
  EXPECT_TRUE(eventually([&] { return watch.held(); }));
  holder.execute("COMMIT");
  EXPECT_TRUE(eventually([&] { return !watch.held(); }));
  EXPECT_TRUE(eventually([&] { return notes().size() == 1; }));
  EXPECT_EQ(warnings().size(), 1U);
}

TEST_F(HorizonWatchTest, IsQuietAndEndsPromptlyWithoutAServer) {
  engine::EngineOptions options;
  options.dsn = "host=/nowhere dbname=nothing";
  const auto begun = std::chrono::steady_clock::now();
  {
    engine::HorizonWatch watch(options, stop_, logger());
    watch.start();
    boost::this_thread::sleep_for(boost::chrono::milliseconds(100));
    EXPECT_FALSE(watch.held());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(900));
  EXPECT_TRUE(warnings().empty());
}

}  // namespace
}  // namespace pgbackfill::test
