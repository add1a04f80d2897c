#include "engine/sync_point.hpp"
#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

constexpr int kKills = 20;
constexpr const char* kDefaultOrg = "'00000000-0000-0000-0000-000000000001'::uuid";

/// What every row's organization must be, computed without the product: one scalar SQL expression
/// over the row t, from the lookup file alone.
std::map<std::string, std::string> oracle() {
  const auto team = [](const std::string& id) {
    return "(SELECT o.org_id FROM oracle_team_orgs AS o WHERE o.team_id = " + id + ")";
  };
  const auto booking = [&](const std::string& id) {
    return fmt::format("(SELECT coalesce({}, {}) FROM bookings AS b WHERE b.booking_id = {})",
                       team("b.team_id"), kDefaultOrg, id);
  };
  const auto through_bookings = [&](const std::string& from) {
    return fmt::format("coalesce((SELECT {} FROM {} AND b.team_id IS NOT NULL LIMIT 1), {})",
                       team("b.team_id"), from, kDefaultOrg);
  };
  const auto client = [&](const std::string& id) {
    return through_bookings("bookings AS b WHERE b.client_id = " + id);
  };
  const auto invoice = [&](const std::string& id) {
    return fmt::format("coalesce((SELECT {} FROM invoices AS i WHERE i.invoice_id = {}), {})",
                       booking("i.order_id"), id, kDefaultOrg);
  };
  const auto or_default = [](const std::string& value) {
    return fmt::format("coalesce({}, {})", value, kDefaultOrg);
  };
  return {
      {"teams", team("t.team_id")},
      {"workers", or_default(team("t.team_id"))},
      {"team_blackouts", team("t.team_id")},
      {"bookings", or_default(team("t.team_id"))},
      {"client_users", client("t.client_id")},
      {"subscriptions", client("t.client_id")},
      {"leads", through_bookings("bookings AS b WHERE b.lead_id = t.lead_id")},
      {"checklist_runs", booking("t.order_id")},
      {"checklist_run_items",
       "(SELECT " + booking("r.order_id") + " FROM checklist_runs AS r WHERE r.run_id = t.run_id)"},
      {"invoices", or_default(booking("t.order_id"))},
      {"invoice_items", invoice("t.invoice_id")},
      {"invoice_payments", invoice("t.invoice_id")},
      {"order_photos", booking("t.order_id")},
      {"email_events", or_default(booking("t.booking_id"))},
      {"disputes", booking("t.booking_id")},
  };
}

class Crash : public PgTest {
 protected:
  std::vector<std::string> core_tables() {
    const auto result =
        sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
            "'public'::regnamespace AND relname NOT IN ('oracle_team_orgs') ORDER BY relname");
    std::vector<std::string> tables;
    for (int row = 0; row < result.rows(); ++row) tables.emplace_back(result.text(row, 0));
    return tables;
  }

  /// Columns that the job must leave alone.
  std::map<std::string, std::string> untouched_columns() {
    const auto result = sql(
        "SELECT attrelid::regclass::text, string_agg('t.' || quote_ident(attname), ', ' ORDER BY "
        "attnum) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT "
        "attisdropped AND atttypid <> 'user_role'::regtype GROUP BY attrelid");
    std::map<std::string, std::string> columns;
    for (int row = 0; row < result.rows(); ++row) {
      columns.emplace(result.text(row, 0), result.text(row, 1));
    }
    return columns;
  }

  std::map<std::string, std::string> checksums(const std::map<std::string, std::string>& columns) {
    std::map<std::string, std::string> sums;
    for (const auto& [table, list] : columns) {
      // The ensured rows are asked for, not damage.
      const std::string where = table.starts_with("organization")
                                    ? fmt::format(" WHERE t.org_id <> {}", kDefaultOrg)
                                    : "";
      sums[table] = value(fmt::format(
          "SELECT count(*) || ' ' || coalesce(sum(('x' || substr(md5(ROW({})::text), 1, "
          "12))::bit(48)::bigint), 0) FROM {} AS t{}",
          list, table, where));
    }
    return sums;
  }

  ProgramOutcome pgbackfill(const std::string& command, const std::string& sync_point = {}) {
    ProgramOptions options;
    options.timeout = std::chrono::minutes(5);
    if (!sync_point.empty()) options.environment[engine::kSyncPointVariable] = sync_point;
    return run_program(PGBACKFILL_EXECUTABLE, arguments(command), options);
  }
  std::vector<std::string> arguments(const std::string& command) const {
    std::vector<std::string> list{
        command, "-c", PGBACKFILL_SOURCE_DIR "/tools/migrations/by-team.toml", "--dsn", dsn()};
    // Small batches by two workers: many commits to be killed between.
    if (command == "run")
      list.insert(list.end(), {"--workers", "2", "--batch-rows", "60", "--method", method_});
    return list;
  }

  /// A killed client's backends may still be finishing their statement.
  void wait_for_backends_to_end() {
    while (value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgbackfill%' "
                 "AND datname = current_database()") != "0") {
      boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
    }
  }

  /// Runs until the process kills itself there.
  void kill_at(std::string_view point, int times = 1) {
    SCOPED_TRACE(point);
    const auto outcome = pgbackfill("run", fmt::format("{}:{}=kill", point, times));
    ASSERT_EQ(outcome.signal, SIGKILL) << "never came there\n" << outcome.out << outcome.err;
    reached_.insert(std::string(point));
    wait_for_backends_to_end();
  }

  void load_sample() {
    const auto loaded =
        run_program(PGBACKFILL_SAMPLE_BINARY, {"--dsn", dsn(), "--scale", "1", "--seed", "7"});
    ASSERT_EQ(loaded.exit_code, 0) << loaded.err;
    sql("CREATE TABLE oracle_team_orgs (team_id integer PRIMARY KEY, org_id uuid)");
    sql("INSERT INTO oracle_team_orgs SELECT n, ('00000000-0000-0000-0000-' || lpad((100 + (n - 1) "
        "/ 3 + 1)::text, 12, '0'))::uuid FROM generate_series(1, 60) AS n");
    columns_ = untouched_columns();
    before_ = checksums(columns_);
    roles_before_ = value(
        "SELECT string_agg(user_id::text || CASE role::text WHEN 'user' THEN 'worker' ELSE "
        "role::text END, ',' ORDER BY user_id) FROM users");
  }

  /// Goes on to the end; then every row is as one SQL statement would have made it, and the ledger
  /// counts each once.
  void finish_and_compare() {
    const auto last = pgbackfill("run");
    ASSERT_EQ(last.exit_code, 0) << last.err;
    const auto verified = pgbackfill("verify");
    EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
    EXPECT_EQ(checksums(columns_), before_);
    EXPECT_EQ(
        value("SELECT string_agg(user_id::text || role::text, ',' ORDER BY user_id) FROM users"),
        roles_before_);
    for (const auto& [table, expected] : oracle()) {
      EXPECT_EQ(value(fmt::format("SELECT count(*) FROM {} AS t WHERE t.org_id IS DISTINCT FROM {}",
                                  table, expected)),
                "0")
          << table;
    }
    const auto ledger =
        sql("SELECT step_id, sum(rows) FROM pgbackfill.range GROUP BY step_id ORDER BY step_id");
    EXPECT_GT(ledger.rows(), 15);
    for (int row = 0; row < ledger.rows(); ++row) {
      const std::string step(ledger.text(row, 0));
      const std::string table = step.substr(step.find(':') + 1);
      EXPECT_EQ(std::string(ledger.text(row, 1)), value("SELECT count(*) FROM " + table)) << table;
    }
    EXPECT_EQ(pgbackfill("run").exit_code, 0);
  }

  std::string method_ = "copy";  ///< has every point
  std::set<std::string> reached_;
  std::map<std::string, std::string> columns_;
  std::map<std::string, std::string> before_;
  std::string roles_before_;
};

TEST_F(Crash, KilledAtEveryPointNothingIsLostOrDoneTwice) {
  load_sample();
  kill_at("ledger-created");
  kill_at("job-created");
  for (const std::string_view stage :
       {"ensure", "expand", "backfill", "enforce", "foreign-key", "index", "finish"}) {
    SCOPED_TRACE(stage);
    kill_at("stage-begun");
    if (stage == "backfill") {
      for (const std::string_view point :
           {"ranges-added", "window-read", "batch-before-copy", "batch-in-copy", "batch-sent",
            "batch-committed", "range-done", "round-over", "backfill-complete"}) {
        kill_at(point);
        kill_at(point, 2);
      }
    } else {
      if (stage == "enforce") {
        // What no trigger saw.
        sql("UPDATE bookings SET org_id = '00000000-0000-0000-0000-000000000001' "
            "WHERE team_id IS NOT NULL");
        kill_at("stale-found");
        kill_at("stale-mended");
      }
      for (const std::string_view point :
           {"step-before-probe", "step-before-ddl", "step-before-record", "step-recorded"}) {
        kill_at(point);
      }
      // Index builds have no transaction of their own.
      if (stage != "ensure" && stage != "index") kill_at("step-before-commit");
    }
    kill_at("stage-done");
  }
  for (const std::string_view point : engine::kSyncPointNames) {
    if (point.starts_with("rollback-")) continue;  // tests/engine/rollback_pgtest.cpp
    EXPECT_TRUE(reached_.contains(std::string(point))) << point;
  }
  finish_and_compare();
}

TEST_F(Crash, StepsOfASmallTableAreDoneTogetherOrNotAtAll) {
  load_sample();
  kill_at("stage-begun", 4);
  const std::string steps =
      "FROM pgbackfill.step WHERE stage = 'enforce' AND step_id NOT LIKE '%:reconcile'";
  kill_at("step-before-commit");
  EXPECT_EQ(value("SELECT count(*) " + steps + " AND state = 'done'"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM pg_attribute WHERE attname = 'org_id' AND attnotnull AND "
                  "attrelid IN ('teams'::regclass, 'bookings'::regclass)"),
            "0");
  kill_at("step-recorded");
  EXPECT_NE(value("SELECT count(*) " + steps + " AND state = 'done'"), "0");
  finish_and_compare();
  // One transaction is all that their records know.
  EXPECT_NE(value("SELECT count(*) FROM (SELECT " + steps +
                  " GROUP BY table_name HAVING count(*) > 4 AND "
                  "count(DISTINCT started) = 1) AS joined"),
            "0");
}

TEST_F(Crash, KilledAtAnyMomentNothingIsLostOrDoneTwice) {
  method_ = "auto";
  load_sample();
  const auto begun = pgbackfill("run", "ranges-added=kill");
  ASSERT_EQ(begun.signal, SIGKILL) << begun.err;
  // However quick the machine is, the job cannot end while somebody holds a row of it.
  auto holder = connect();
  holder.execute("BEGIN; SELECT FROM invoice_items ORDER BY item_id DESC LIMIT 1 FOR UPDATE");
  std::mt19937 random(20);
  std::uniform_int_distribution<int> delay(25, 320);
  for (int kills = 0; kills < kKills; ++kills) {
    RunningProgram program(PGBACKFILL_EXECUTABLE, arguments("run"));
    boost::this_thread::sleep_for(boost::chrono::milliseconds(delay(random)));
    ASSERT_TRUE(program.running()) << program.err();
    program.signal(SIGKILL);
    program.wait();
    wait_for_backends_to_end();
  }
  holder.execute("ROLLBACK");
  finish_and_compare();
}

TEST_F(Crash, APointThatDoesNotExistIsAUsageError) {
  const auto outcome = pgbackfill("run", "no-such-point=kill");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("no sync point is called \"no-such-point\""), std::string::npos);
  EXPECT_EQ(pgbackfill("run", "stage-done=explode").exit_code, 2);
  EXPECT_EQ(pgbackfill("run", "stage-done:0=kill").exit_code, 2);
}

}  // namespace
}  // namespace pgbackfill::test
