#include "tests/engine/traffic_fixture.hpp"
#include "tests/support/fault_proxy.hpp"
#include "tests/support/run_program.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>

namespace pgbackfill::test {
namespace {

enum class Fault {
  kKill,
  kStop,
  kTerminate,
  kCrash,
  kCutAll,
  kCutInCopy,
  kCutBeforeCopyEnd,
  kCutBeforeAnswer,
  kTableLocked,
  kRowsLocked,
  kSecondOperator,
};

constexpr std::array<const char*, 11> kFaultNames{"kill -9 of pgbackfill",
                                                  "SIGTERM to pgbackfill",
                                                  "a backend terminated",
                                                  "server crash and restart",
                                                  "all links cut",
                                                  "link cut in COPY",
                                                  "link cut before its end",
                                                  "link cut before the answer",
                                                  "a table locked",
                                                  "rows locked",
                                                  "a second operator's run begun"};

/// Random faults over jobs under load. The seed is printed, and PGBACKFILL_TEST_SEED repeats it.
class Faults : public TrafficTest {
 protected:
  /// Rows that no client touches, each update of which is noted.
  static constexpr int kWatched = 400;

  void SetUp() override {
    TrafficTest::SetUp();
    proxy_.emplace(TempCluster::shared().directory());
  }

  void create_job() {
    sql("DROP SCHEMA IF EXISTS pgbackfill CASCADE; DROP SCHEMA public CASCADE; "
        "CREATE SCHEMA public");
    create_tables(1500);
    sql(fmt::format(
        "INSERT INTO bookings (booking_id, team_id) SELECT -n, n % 20 + 1 "
        "  FROM generate_series(1, {0}) AS n;"
        "INSERT INTO runs (run_id, booking_id) SELECT -n, -n FROM generate_series(1, {0}) AS n;"
        "INSERT INTO items (item_id, run_id) SELECT -n, -n FROM generate_series(1, {0}) AS n;"
        "CREATE TABLE written (of text, id integer);"
        // A row takes a while, so that there is something to disturb.
        "CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE id integer := "
        "(to_jsonb(NEW) ->> TG_ARGV[0])::integer; BEGIN IF id < 0 THEN INSERT INTO written VALUES "
        "(TG_TABLE_NAME, id); END IF; PERFORM pg_sleep(0.0003); RETURN NEW; END $$;"
        "CREATE TRIGGER w BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION "
        "  note_write('booking_id');"
        "CREATE TRIGGER w BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION note_write('run_id');"
        "CREATE TRIGGER w BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION "
        "  note_write('item_id'); ANALYZE",
        kWatched));
    job(sections());
    file_ = write_file("unused", "").parent_path() / "job.toml";
  }

  std::vector<std::string> arguments(const std::string& until) const {
    return {"run",
            "-c",
            file_.string(),
            "--dsn",
            fmt::format("host={} port=5432 dbname={} user=postgres", proxy_->directory().string(),
                        database()),
            "--batch-rows",
            "40",
            "--user-triggers",
            "fire",
            "--workers",
            "2",
            "--until",
            until};
  }

  void rest(int most_ms) {
    boost::this_thread::sleep_for(
        boost::chrono::milliseconds(random_() % static_cast<unsigned>(most_ms)));
  }

  /// Holds what `lock` takes until one of pgbackfill's sessions waits for it, or it has ended.
  void hold(const std::string& lock, RunningProgram& program) {
    auto holder = connect();
    holder.execute("BEGIN");
    try {
      holder.execute("SET LOCAL lock_timeout = '2s'; " + lock);
    } catch (const sql::Error&) {
      return;  // the clients were there first
    }
    const auto waiting = [&] {
      return holder
                 .execute(
                     "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE "
                     "'pgbackfill%' AND wait_event_type = 'Lock' "
                     "AND datname = current_database()")
                 .integer(0, 0) > 0;
    };
    for (int look = 0; look < 200 && program.running() && !waiting(); ++look) {
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
    rest(300);
    holder.execute("ROLLBACK");
  }

  void cut(Cut where, RunningProgram& program) {
    proxy_->arm(where);
    // It may not come there any more.
    for (int look = 0; look < 200 && program.running() && !proxy_->done(); ++look) {
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
    proxy_->arm(Cut::kNone);
  }

  void inject(Fault fault, RunningProgram& program, const std::string& until) {
    switch (fault) {
      case Fault::kKill:
        return program.signal(SIGKILL);
      case Fault::kStop:
        return program.signal(SIGTERM);
      case Fault::kTerminate:
        connect().execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE "
            "application_name LIKE 'pgbackfill%' AND datname = current_database() "
            "ORDER BY random() LIMIT 1) AS one");
        return;
      case Fault::kCrash:
        TempCluster::shared().stop_immediate();
        TempCluster::shared().start();
        return;
      case Fault::kCutAll:
        return proxy_->cut_all();
      case Fault::kCutInCopy:
        return cut(Cut::kInCopy, program);
      case Fault::kCutBeforeCopyEnd:
        return cut(Cut::kBeforeCopyEnd, program);
      case Fault::kCutBeforeAnswer:
        return cut(Cut::kBeforeAnswer, program);
      case Fault::kTableLocked:
        return hold("LOCK TABLE items IN SHARE MODE", program);
      case Fault::kRowsLocked:
        return hold("SELECT FROM items WHERE item_id < 0 FOR UPDATE", program);
      case Fault::kSecondOperator:
        second_operator(until);
        return;
    }
  }

  void second_operator(const std::string& until) {
    const auto outcome = run_program(PGBACKFILL_EXECUTABLE, arguments(until));
    // It is refused, unless the first has just ended or lost its session.
    EXPECT_TRUE(outcome.exit_code == 3 || outcome.exit_code == 0) << outcome.err;
  }

  /// Runs until it is through, with up to `faults` faults on the way, which are counted down.
  void run_disturbed(const std::string& until, int& faults) {
    for (;;) {
      ProgramOptions options;
      options.timeout = std::chrono::minutes(2);
      RunningProgram program(PGBACKFILL_EXECUTABLE, arguments(until), options);
      std::string last = "nothing";
      while (faults > 0 && program.running()) {
        rest(250);
        if (!program.running()) break;
        const auto fault = static_cast<Fault>(random_() % kFaultNames.size());
        last = kFaultNames[static_cast<std::size_t>(fault)];
        inject(fault, program, until);
        ++injected_[last];
        --faults;
      }
      const auto outcome = program.wait();
      ASSERT_FALSE(outcome.timed_out) << "after " << last << "\n" << outcome.err;
      const std::string end = outcome.signal != 0 ? fmt::format("signal {}", outcome.signal)
                                                  : fmt::format("exit {}", outcome.exit_code);
      ++ends_[last][end];
      if (outcome.exit_code == 0) return;
      // A SIGTERM that comes before the program has said what it does at one ends it.
      const bool expected = outcome.signal == SIGTERM || outcome.signal == SIGKILL ||
                            outcome.exit_code == 4 || outcome.exit_code == 3 ||
                            outcome.err.find("cannot connect") != std::string::npos;
      ASSERT_TRUE(expected) << "after " << last << ": " << end << "\n" << outcome.err;
    }
  }

  void expect_everything_right() {
    try {
      sql("SELECT 1");
    } catch (const sql::Error&) {
      // The session that a crash has ended; the next is a new one.
    }
    EXPECT_EQ(differences(), 0);
    EXPECT_EQ(value("SELECT string_agg(n || ' of ' || rows, ', ') FROM (SELECT count(*) AS n, "
                    "count(DISTINCT id) AS rows FROM written GROUP BY of ORDER BY of) AS t"),
              fmt::format("{0} of {0}, {0} of {0}, {0} of {0}", kWatched))
        << "each watched row of bookings, items and runs is written once";
    EXPECT_EQ(value("SELECT (SELECT count(*) FROM bookings WHERE booking_id < 0) || ' ' || (SELECT "
                    "count(*) FROM runs WHERE run_id < 0) || ' ' || (SELECT count(*) FROM items "
                    "WHERE item_id < 0)"),
              fmt::format("{0} {0} {0}", kWatched));
    EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.quarantine"), 0);
  }

  void print() const {
    for (const auto& [fault, times] : injected_) {
      std::cout << fmt::format("{:<32} {:>5}", fault, times);
      const auto ends = ends_.find(fault);
      if (ends != ends_.end()) {
        for (const auto& [end, count] : ends->second)
          std::cout << fmt::format("  {} x{}", end, count);
      }
      std::cout << "\n";
    }
  }

  std::mt19937 random_;
  std::optional<FaultProxy> proxy_;
  std::filesystem::path file_;
  std::map<std::string, int> injected_;
  std::map<std::string, std::map<std::string, int>> ends_;  ///< of runs, by their last fault
};

TEST_F(Faults, InAnyOrderNothingIsLostDoneTwiceOrWrong) {
  const char* given = std::getenv("PGBACKFILL_TEST_SEED");
  const auto seed = static_cast<unsigned>(given != nullptr ? std::atoi(given) : 1);
  std::cout << "PGBACKFILL_TEST_SEED=" << seed << "\n";
  random_.seed(seed);
  int faults = long_form() ? 1000 : 30;
  int jobs = 0;
  for (; faults > 0 && !HasFatalFailure() && !HasNonfatalFailure(); ++jobs) {
    SCOPED_TRACE(fmt::format("job {} of seed {}", jobs + 1, seed));
    create_job();
    Clients clients(dsn(), 3, true);
    ASSERT_NO_FATAL_FAILURE(run_disturbed("backfill", faults));
    clients.deploy(Version::kNew);
    ASSERT_NO_FATAL_FAILURE(run_disturbed("finish", faults));
    clients.end();
    EXPECT_EQ(clients.failures(), 0) << clients.first_failure();
    expect_everything_right();
  }
  std::cout << jobs << " jobs\n";
  print();
}

}  // namespace
}  // namespace pgbackfill::test
