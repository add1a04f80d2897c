#include "tests/engine/traffic_fixture.hpp"
#include "tests/support/fault_proxy.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/standby.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <unistd.h>

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
  kHelperKilled,
  kHelperPromoted,
  kDeadlock,
  kFullDisk,
  kReplicaPromoted,
};

constexpr std::array<const char*, 16> kFaultNames{"kill -9 of pgbackfill",
                                                  "SIGTERM to pgbackfill",
                                                  "a backend terminated",
                                                  "server crash and restart",
                                                  "all links cut",
                                                  "link cut in COPY",
                                                  "link cut before its end",
                                                  "link cut before the answer",
                                                  "a table locked",
                                                  "rows locked",
                                                  "a second operator's run begun",
                                                  "kill -9 of a helper",
                                                  "a helper promoted",
                                                  "a deadlock with a client",
                                                  "a full disk",
                                                  "a replica promoted"};

/// Random faults over jobs under load. The seed is printed, and PGBACKFILL_TEST_SEED repeats it.
class Faults : public TrafficTest {
 protected:
  /// Rows that no client touches, each update of which is noted.
  static constexpr int kWatched = 400;
  static constexpr int kWorkers = 2;
  /// Of 5 kB for each of them, so that their table is larger than a segment of WAL.
  static constexpr int kPhotos = 6;
  static constexpr const char* kPhotosSection = R"(
[[table]]
name = "photos"
value = { parent = "bookings", via = "booking_id" }
)";

  using Program = std::unique_ptr<RunningProgram>;

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
        "CREATE TABLE photos (photo_id serial PRIMARY KEY, booking_id integer NOT NULL "
        "  REFERENCES bookings ON DELETE CASCADE, body text NOT NULL);"
        "ALTER TABLE photos ALTER body SET STORAGE PLAIN;"
        "INSERT INTO photos (booking_id, body) SELECT -n, repeat('x', 5000) "
        "  FROM generate_series(1, {0}) AS n, generate_series(1, {1});"
        "CREATE TABLE written (of text, id integer);"
        // A row takes a while, so that there is something to disturb.
        "CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE id integer := "
        "(to_jsonb(NEW) ->> TG_ARGV[0])::integer; BEGIN IF id < 0 THEN INSERT INTO written VALUES "
        "(TG_TABLE_NAME, id); END IF; PERFORM pg_sleep(0.0003); RETURN NEW; END $$;"
        "CREATE TRIGGER w BEFORE UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION "
        "  note_write('booking_id');"
        "CREATE TRIGGER w BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION note_write('run_id');"
        "CREATE TRIGGER w BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION "
        "  note_write('item_id');"
        "CREATE TRIGGER w BEFORE UPDATE ON photos FOR EACH ROW EXECUTE FUNCTION "
        "  note_write('photo_id'); ANALYZE",
        kWatched, kPhotos));
    job(sections() + kPhotosSection);
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
            std::to_string(kWorkers),
            "--method",
            method_,
            "--until",
            until};
  }
  Program start(const std::string& until, const std::vector<std::string>& more = {},
                const std::string& lease_ms = "15000") const {
    ProgramOptions options;
    options.timeout = std::chrono::minutes(2);
    options.environment["PGBACKFILL_LEASE_MS"] = lease_ms;
    auto all = arguments(until);
    all.insert(all.end(), more.begin(), more.end());
    return std::make_unique<RunningProgram>(PGBACKFILL_EXECUTABLE, all, options);
  }

  void rest(int most_ms) {
    boost::this_thread::sleep_for(
        boost::chrono::milliseconds(random_() % static_cast<unsigned>(most_ms)));
  }

  /// Looks until it is so or the program has ended, but not for long: it may be too late for it.
  static bool soon(RunningProgram& program, const std::function<bool()>& condition,
                   int looks = 200) {
    for (int look = 0; look < looks; ++look) {
      if (condition()) return true;
      if (!program.running()) return false;
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
    return false;
  }
  static bool asks(sql::Connection& connection, const std::string& condition) {
    return connection.execute("SELECT " + condition).text(0, 0) == "t";
  }
  static std::string pid_of(sql::Connection& connection) {
    return std::string(connection.execute("SELECT pg_backend_pid()").text(0, 0));
  }
  static std::string waits_for(const std::string& pid) {
    return "EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'pgbackfill%' "
           "AND datname = current_database() AND " +
           pid + " = ANY (pg_blocking_pids(pid)))";
  }

  /// Holds what `lock` takes until one of pgbackfill's sessions waits for it, or it has ended.
  bool hold(const std::string& lock, RunningProgram& program) {
    auto holder = connect();
    auto watcher = connect();
    holder.execute("BEGIN");
    try {
      holder.execute("SET LOCAL lock_timeout = '2s'; " + lock);
    } catch (const sql::Error&) {
      return false;  // the clients were there first
    }
    const std::string waiting = waits_for(pid_of(holder));
    const bool met = soon(program, [&] { return asks(watcher, waiting); });
    rest(300);
    holder.execute("ROLLBACK");
    return met;
  }

  /// A table that is under way and whose watched rows are not; empty when there is none soon.
  static std::string table_under_way(sql::Connection& watcher, RunningProgram& program) {
    std::string table;
    soon(program, [&] {
      if (!asks(watcher, "to_regclass('pgbackfill.range') IS NOT NULL")) return false;
      table = watcher
                  .execute(
                      "SELECT substr(max(step_id), 10) FROM pgbackfill.range WHERE state = "
                      "'running' AND step_id ~ ':(bookings|runs|items)$'")
                  .optional_text(0, 0)
                  .value_or("");
      return !table.empty();
    });
    return table;
  }

  /// A client has a row that a batch waits for, and then wants those that the batch has. Batches
  /// step back before the server ends one of the two, so it is never the client.
  bool deadlock(RunningProgram& program) {
    auto client = connect();
    auto watcher = connect();
    const std::string table = table_under_way(watcher, program);
    if (table.empty()) return false;
    const std::string key = table.substr(0, table.size() - 1) + "_id";
    const auto row = client
                         .execute(fmt::format("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY "
                                              "{}) FROM {} WHERE {} < 0 AND org_id IS NULL",
                                              key, table, key))
                         .optional_text(0, 0);
    if (!row) return false;
    client.execute(fmt::format("BEGIN; SELECT FROM {} WHERE {} = {} FOR UPDATE", table, key, *row));
    const std::string pid = pid_of(client);
    if (!soon(program, [&] { return asks(watcher, waits_for(pid)); })) return false;
    std::atomic<bool> over{false};
    boost::thread wanting([&] {
      try {
        client.execute(fmt::format("SELECT FROM {} WHERE {} < 0 FOR UPDATE; ROLLBACK", table, key));
      } catch (const sql::Error& error) {
        ADD_FAILURE() << "a client's transaction has ended: " << error.what();
      }
      over = true;
    });
    const std::string round = fmt::format(
        "EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids({})) "
        "AND application_name LIKE 'pgbackfill%') AND {}",
        pid, waits_for(pid));
    bool met = false;
    while (!over) {
      met = met || asks(watcher, round);
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
    wanting.join();
    return met;
  }

  /// The longest file, in bytes or "unlimited", that a process of the server may write. It may be
  /// gone already.
  static void limit_files(const std::string& pid, const std::string& bytes) {
    ProgramOptions options;
    // Whoever owns a process may set what it can raise again itself.
    if (geteuid() == 0) options.user = "postgres";
    const auto outcome = run_program("prlimit", {"--pid", pid, "--fsize=" + bytes + ":"}, options);
    EXPECT_NE(outcome.exit_code, 127) << "there is no program prlimit (of util-linux)";
  }

  /// Writers cannot make photos' file longer until one of them says so.
  bool fill_disk(RunningProgram& program) {
    auto watcher = connect();
    // From version 16 on the server does not write half a page, and takes no limit for a full disk.
    if (watcher.server_version() >= 160000) return false;
    const auto under_way = [&] {
      return asks(watcher, "to_regclass('pgbackfill.range') IS NOT NULL") &&
             asks(watcher,
                  "EXISTS (SELECT FROM pgbackfill.range WHERE step_id = 'backfill:photos' "
                  "AND state = 'running')");
    };
    if (!soon(program, under_way)) return false;
    // Nobody makes it longer meanwhile: one whom the limit does not hold would carry the file past
    // it, and what begins beyond a limit is another error.
    auto holder = connect();
    holder.execute("BEGIN");
    try {
      holder.execute("SET LOCAL lock_timeout = '2s'; LOCK TABLE photos IN SHARE MODE");
    } catch (const sql::Error&) {
      return false;
    }
    const auto writers = watcher.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgbackfill writer' "
        "AND datname = current_database()");
    if (writers.rows() != kWorkers) return false;
    // A page fits by half: what cannot be written whole the server takes for a full disk.
    const auto size = holder.execute("SELECT pg_relation_size('photos') + 4096").integer(0, 0);
    for (int row = 0; row < writers.rows(); ++row) {
      limit_files(std::string(writers.text(row, 0)), std::to_string(size));
    }
    holder.execute("ROLLBACK");
    const bool met = soon(program, [&] {
      return program.err().find("waiting for room on the server's disk") != std::string::npos;
    });
    rest(300);
    for (int row = 0; row < writers.rows(); ++row) {
      limit_files(std::string(writers.text(row, 0)), "unlimited");
    }
    return met;
  }

  /// Whether the helper has begun to work beside `program`.
  bool joined(const RunningProgram& helper, RunningProgram& program) {
    auto watcher = connect();
    const std::string there = fmt::format(
        "EXISTS (SELECT FROM pgbackfill.process WHERE role = 'helper' AND pid = {})", helper.pid());
    return soon(program, [&] {
      return asks(watcher, "to_regclass('pgbackfill.process') IS NOT NULL") && asks(watcher, there);
    });
  }

  bool kill_helper(RunningProgram& program, const std::string& until) {
    const Program helper = start(until, {"--join"}, "1000");
    const bool met = joined(*helper, program);
    rest(300);
    helper->signal(SIGKILL);
    expect_helped(helper->wait());
    return met;
  }

  /// Kills the coordinator; the helper is the run from then on.
  bool promote(Program& program, const std::string& until) {
    Program helper = start(until, {"--join", "--promote"});
    if (!joined(*helper, *program)) {
      helper->signal(SIGKILL);
      expect_helped(helper->wait());
      return false;
    }
    rest(300);
    program->signal(SIGKILL);
    program->wait();
    program = std::move(helper);
    promoted_ = true;
    return soon(
        *program, [&] { return program->err().find("becoming it") != std::string::npos; }, 6000);
  }
  static void expect_helped(const ProgramOutcome& outcome) {
    EXPECT_TRUE(outcome.signal == SIGKILL || outcome.exit_code == 0 || outcome.exit_code == 3)
        << outcome.err;
  }

  bool cut(Cut where, RunningProgram& program) {
    proxy_->arm(where);
    const bool met = soon(program, [&] { return proxy_->done(); });
    proxy_->arm(Cut::kNone);
    return met;
  }

  /// Whether it has found what it disturbs; it may have come too late.
  bool inject(Fault fault, Program& running, const std::string& until) {
    RunningProgram& program = *running;
    switch (fault) {
      case Fault::kKill:
        program.signal(SIGKILL);
        return true;
      case Fault::kStop:
        program.signal(SIGTERM);
        return true;
      case Fault::kTerminate:
        return connect()
                   .execute(
                       "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity "
                       "WHERE application_name LIKE 'pgbackfill%' AND datname = "
                       "current_database() "
                       "ORDER BY random() LIMIT 1) AS one")
                   .rows() > 0;
      case Fault::kCrash:
        TempCluster::shared().stop_immediate();
        TempCluster::shared().start();
        return true;
      case Fault::kCutAll:
        proxy_->cut_all();
        return true;
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
        return true;
      case Fault::kHelperKilled:
        return kill_helper(program, until);
      case Fault::kHelperPromoted:
        return promote(running, until);
      case Fault::kDeadlock:
        return deadlock(program);
      case Fault::kFullDisk:
        return fill_disk(program);
      case Fault::kReplicaPromoted:
        return fail_over();
    }
    return false;
  }

  /// The server's standby takes its place; what was committed in the last moment is gone.
  bool fail_over() {
    if (!standby_) return false;  // one a job
    standby_->cut_off();
    rest(300);
    TempCluster::shared().fail_over_to(standby_->cluster());
    standby_.reset();
    return true;
  }

  void second_operator(const std::string& until) {
    const auto outcome = run_program(PGBACKFILL_EXECUTABLE, arguments(until));
    // It is refused, unless the first has just ended or lost its session.
    EXPECT_TRUE(outcome.exit_code == 3 || outcome.exit_code == 0) << outcome.err;
  }

  /// Runs until it is through, with up to `faults` faults on the way, which are counted down.
  void run_disturbed(const std::string& until, int& faults) {
    for (;;) {
      Program program = start(until);
      promoted_ = false;
      std::string last = "nothing";
      while (faults > 0 && program->running()) {
        rest(250);
        if (!program->running()) break;
        const auto fault = static_cast<Fault>(random_() % kFaultNames.size());
        last = kFaultNames[static_cast<std::size_t>(fault)];
        ++injected_[last];
        if (inject(fault, program, until)) ++met_[last];
        --faults;
      }
      const auto outcome = program->wait();
      ASSERT_FALSE(outcome.timed_out) << "after " << last << "\n" << outcome.err;
      const std::string end = outcome.signal != 0 ? fmt::format("signal {}", outcome.signal)
                                                  : fmt::format("exit {}", outcome.exit_code);
      ++ends_[last][end];
      if (outcome.exit_code == 0 && !promoted_) return;
      // A promoted one may have ended as the helper of a second operator's run that came first.
      if (outcome.exit_code == 0) continue;
      // A SIGTERM that comes before the program has said what it does at one ends it.
      const bool expected = outcome.signal == SIGTERM || outcome.signal == SIGKILL ||
                            outcome.exit_code == 4 || outcome.exit_code == 3 ||
                            outcome.err.find("cannot connect") != std::string::npos;
      ASSERT_TRUE(expected) << "after " << last << ": " << end << "\n" << outcome.err;
    }
  }

  void expect_everything_right() {
    reconnect();
    EXPECT_EQ(differences(), 0);
    EXPECT_EQ(value("SELECT string_agg(n || ' of ' || rows, ', ') FROM (SELECT count(*) AS n, "
                    "count(DISTINCT id) AS rows FROM written GROUP BY of ORDER BY of) AS t"),
              fmt::format("{0} of {0}, {0} of {0}, {0} of {0}", kWatched))
        << "each watched row of bookings, items and runs is written once";
    EXPECT_EQ(value("SELECT (SELECT count(*) FROM bookings WHERE booking_id < 0) || ' ' || (SELECT "
                    "count(*) FROM runs WHERE run_id < 0) || ' ' || (SELECT count(*) FROM items "
                    "WHERE item_id < 0)"),
              fmt::format("{0} {0} {0}", kWatched));
    EXPECT_EQ(value("SELECT count(*) || ' ' || count(*) FILTER (WHERE p.org_id = b.org_id) "
                    "FROM photos AS p JOIN bookings AS b USING (booking_id)"),
              fmt::format("{0} {0}", kWatched * kPhotos));
    EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.quarantine"), 0);
  }

  void print() const {
    std::cout << fmt::format("{:<30} {:>5} {:>7}  {}\n", "fault", "times", "in time",
                             "how runs ended whose last one it was");
    for (const auto& [fault, times] : injected_) {
      const auto met = met_.find(fault);
      std::cout << fmt::format("{:<30} {:>5} {:>7}", fault, times,
                               met == met_.end() ? 0 : met->second);
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
  std::optional<Standby> standby_;
  std::filesystem::path file_;
  bool promoted_ = false;  ///< whether the run was a helper at first
  std::string method_;
  std::map<std::string, int> injected_;
  std::map<std::string, int> met_;  ///< of injected_, those that found what they disturb
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
    method_ = jobs % 2 == 0 ? "copy" : "auto";
    standby_.reset();
    standby_.emplace();
    reconnect();
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
