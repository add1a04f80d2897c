#include "tests/engine/enum_carry_fixture.hpp"
#include "tests/support/application.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

using engine::RollbackOutcome;
using engine::RunOutcome;
using planner::Stage;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(EnumCarry, SplitsFollowLiveWriters) {
  create_users(3000);
  sql("ALTER TABLE users ADD was text; UPDATE users SET was = role::text");
  const auto spec = enum_job(
      "[[enum]]\ntype = \"user_role\"\nvalues = [\"worker\", \"foreman\", \"chief\", \"admin\", "
      "\"manager\"]\nmap = { user = \"worker\" }\n"
      "when = { user = { foreman = \"users.level > 5\", chief = \"level = 5 AND team = 1\" } }\n");
  Application writer(connect(), [](sql::Connection& session, int round) {
    session.execute(
        fmt::format("UPDATE users SET level = {} % 10, team = NULLIF({} % 5, 3) WHERE "
                    "id = {}",
                    round * 7, round, round * 13 % 3000 + 1));
    session.execute(fmt::format("UPDATE users SET role = '{0}', was = '{0}' WHERE id = {1}",
                                round % 2 == 0 ? "user" : "admin", round * 17 % 3000 + 1));
    session.execute(fmt::format("INSERT INTO users (id, level, was) VALUES ({}, {}, 'user')",
                                10000 + round, round % 10));
  });
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  writer.reach(20);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE role::text <> CASE WHEN was <> 'user' THEN was "
                  "WHEN level > 5 THEN 'foreman' WHEN level = 5 AND team = 1 THEN 'chief' "
                  "ELSE 'worker' END"),
            "0");
  EXPECT_NE(value("SELECT count(*) FROM users WHERE role = 'foreman'"), "0");
  EXPECT_NE(value("SELECT count(*) FROM users WHERE role = 'worker'"), "0");
}

TEST_F(EnumCarry, ConditionsOverOtherTablesAreComparedBeforeTheSwap) {
  create_users(100);
  sql("CREATE TABLE teams (id int PRIMARY KEY, senior bool);"
      "INSERT INTO teams SELECT i, i < 3 FROM generate_series(0, 6) AS i");
  const auto before = dump();
  constexpr const char* kRoles = "SELECT string_agg(role::text, ',' ORDER BY id) FROM users";
  const std::string roles = value(kRoles);
  const std::string split =
      std::string(kWorkers) +
      "when = { user = { foreman = \"(SELECT senior FROM teams t WHERE t.id = team)\" } }\n";
  const auto spec = enum_job(split);
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  sql("UPDATE teams SET senior = NOT senior");
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE (role = 'foreman') <> (id % 3 = 0 AND team >= "
                  "3)"),
            "0");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  EXPECT_THAT(losses_, IsEmpty());
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(value(kRoles), roles);
}

TEST_F(EnumCarry, ConditionsThatCannotBeEvaluatedAreRefused) {
  create_users(3);
  EXPECT_THAT(refusal(enum_job(std::string(kWorkers) +
                               "when = { user = { foreman = \"no_such > 1\" } }\n")),
              HasSubstr("users: a condition of \"when\" cannot be evaluated over its rows: column "
                        "\"no_such\""));
}

TEST_F(EnumCarry, TextsThatNameASplitLabelAreRefused) {
  create_users(3);
  sql("CREATE VIEW plain AS SELECT id FROM users WHERE role = 'user'");
  const std::string split = "when = { user = { foreman = \"level > 1\" } }\n";
  EXPECT_THAT(refusal(enum_job(std::string(kWorkers) + split)),
              HasSubstr("view public.plain: it names the label 'user', which is split"));
}

constexpr std::string_view kMerge =
    "[[enum]]\ntype = \"user_role\"\nvalues = [\"staff\", \"manager\"]\n"
    "map = { user = \"staff\", admin = \"staff\" }\n";

TEST_F(EnumCarry, DuplicatesInWhatIsGeneratedAreFoundBefore) {
  create_users(30);
  sql("ALTER TABLE users ADD kind text GENERATED ALWAYS AS (CASE role WHEN 'user' THEN 'u' WHEN "
      "'admin' THEN 'a' ELSE 'm' END) STORED;"
      "UPDATE users SET email = 'same' WHERE id IN (1, 3); CREATE UNIQUE INDEX once ON users "
      "(email, kind); CREATE FUNCTION weight(r user_role) RETURNS int LANGUAGE sql IMMUTABLE AS "
      "'SELECT length(r::text)'; CREATE UNIQUE INDEX weighed ON users (weight(role), id)");
  EXPECT_THAT(refusal(enum_job(kMerge)),
              HasSubstr("index once of table users: it is unique, and with the new labels 1 key "
                        "would be there more than once: (same, u) 2 times."));
  sql("UPDATE users SET email = 'other' WHERE id = 1");
  EXPECT_EQ(refusal(enum_job(kMerge)), "not refused");
  EXPECT_EQ(value("SELECT string_agg(DISTINCT role || kind, ' ') FROM users"), "managerm staffu");
}

TEST_F(EnumCarry, MergesThatMakeDuplicatesAreRefusedWithKeys) {
  create_users(30);
  sql("UPDATE users SET email = 'same' WHERE id IN (1, 3);"
      "CREATE UNIQUE INDEX once ON users (email, role)");
  EXPECT_THAT(refusal(enum_job(kMerge)),
              HasSubstr("index once of table users: it is unique, and with the new labels 1 key "
                        "would be there more than once: (same, staff) 2 times."));
  sql("UPDATE users SET email = 'other' WHERE id = 3");
  EXPECT_EQ(run(enum_job(kMerge)).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE role = 'staff'"), "20");
}

TEST_F(EnumCarry, PlainIndexesComeBackAfterFinish) {
  create_users(30);
  sql("CREATE UNIQUE INDEX once ON users (role, id) INCLUDE (email) WHERE level >= 0;"
      "COMMENT ON INDEX once IS 'each'; CREATE INDEX by_role ON users (role DESC);"
      "ALTER TABLE users CLUSTER ON by_role");
  if (session().server_version() >= 180000) {
    sql("ALTER TABLE users RENAME CONSTRAINT users_role_not_null TO role_there;"
        "COMMENT ON CONSTRAINT role_there ON users IS 'always';"
        "ALTER TABLE users ADD next user_role DEFAULT 'user',"
        " ADD CONSTRAINT next_there NOT NULL next NOT VALID");
  }
  const auto before = dump();
  const std::string roles = value("SELECT string_agg(role::text, ',' ORDER BY id) FROM users");
  const std::string unmap = std::string(kWorkers) + "unmap = { foreman = \"user\" }\n";
  ASSERT_EQ(run(enum_job(unmap)).outcome, RunOutcome::kDone);
  const auto back = pgbackfill({"rollback", "-c", enum_file(unmap).string(), "--yes"});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(value("SELECT string_agg(role::text, ',' ORDER BY id) FROM users"), roles);
}

TEST_F(EnumCarry, TwoTypesComeBackOneAfterTheOther) {
  create_users(60);
  sql("CREATE TYPE level AS ENUM ('low', 'high', 'top');"
      "ALTER TABLE users ADD rank level NOT NULL DEFAULT 'low';"
      "UPDATE users SET rank = 'high' WHERE id % 2 = 0;"
      "CREATE INDEX by_role ON users (role); CREATE INDEX by_rank ON users (rank);"
      "CREATE VIEW both_low AS SELECT id, role, rank FROM users WHERE role = 'user' AND rank = "
      "'low'; CREATE FUNCTION of_both(user_role DEFAULT 'user', level DEFAULT 'low') RETURNS int"
      " LANGUAGE sql AS 'SELECT 1'; CREATE VIEW above AS SELECT id, of_both(role) FROM both_low");
  const auto before = dump();
  const auto rows = checksums();
  const auto spec = enum_job(std::string(kWorkers) +
                             "[[enum]]\ntype = \"level\"\nvalues = [\"top\", \"upper\", "
                             "\"lower\"]\nmap = { low = \"lower\", high = \"upper\" }\n");
  ASSERT_EQ(refusal(spec), "not refused");
  EXPECT_EQ(value("SELECT count(*) FROM both_low"),
            value("SELECT count(*) FROM users WHERE role = 'worker' AND rank = 'lower'"));
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  EXPECT_THAT(losses_, IsEmpty());
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(checksums(), rows);
}

TEST_F(EnumCarry, LabelsOfLiveWritersComeBack) {
  create_users(2000);
  sql("ALTER TABLE users ADD was text, ADD roles user_role[];"
      "UPDATE users SET was = CASE role WHEN 'user' THEN 'first' ELSE role::text END,"
      " roles = ARRAY[role];"
      "CREATE TABLE roles (role user_role PRIMARY KEY);"
      "INSERT INTO roles VALUES ('user'), ('admin'), ('manager');"
      "ALTER TABLE users ADD CONSTRAINT listed FOREIGN KEY (role) REFERENCES roles,"
      " ADD CONSTRAINT known CHECK (role IN ('user', 'admin', 'manager'));"
      "CREATE UNIQUE INDEX identity ON users (id, role);"
      "CREATE VIEW firsts AS SELECT id FROM users WHERE role = 'user'");
  const auto before = dump();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  Application writer(connect(), [](sql::Connection& session, int round) {
    // 'worker' or, once that is taken back, 'user'.
    const std::string first = "enum_first(NULL::user_role)";
    const bool other = round % 3 != 0;
    session.execute(fmt::format(
        "UPDATE users SET role = {0}, roles = ARRAY[{0}::user_role], was = {1} WHERE id = {2}",
        other ? "'admin'" : first, other ? "'admin'" : "'first'", round * 17 % 2000 + 1));
    session.execute(
        fmt::format("INSERT INTO users (id, role, roles, was) VALUES ({0}, {1}, "
                    "ARRAY[{1}], 'first')",
                    10000 + round, first));
    session.execute(fmt::format("DELETE FROM users WHERE id = {}", round * 29 % 2000 + 1));
    session.execute("SELECT count(*) FROM firsts");
  });
  writer.reach(5);
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  writer.reach(5);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE roles <> ARRAY[role] OR was <> "
                  "CASE role WHEN 'user' THEN 'first' ELSE role::text END OR roles IS NULL"),
            "0");
}

TEST_F(EnumCarry, FunctionBodiesMustBeAccepted) {
  create_users(10);
  sql("CREATE FUNCTION how_many() RETURNS bigint LANGUAGE plpgsql AS"
      " $$ BEGIN RETURN (SELECT count(*) FROM users WHERE role::text = 'user'); END $$");
  const auto file = enum_file(kWorkers).string();
  const auto refused = pgbackfill({"run", "-c", file});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("function how_many(), whose body has the literal 'user'"));
  EXPECT_THAT(refused.err, HasSubstr("--accept function-bodies"));
  EXPECT_EQ(pgbackfill({"plan", "-c", file}).exit_code, 3);
  EXPECT_EQ(pgbackfill({"run", "-c", file, "--accept", "everything"}).exit_code, 2);
  EXPECT_EQ(pgbackfill({"plan", "-c", file, "--accept", "function-bodies"}).exit_code, 0);
  const auto accepted =
      pgbackfill({"run", "-c", file, "--accept", "function-bodies", "--accept", "function-bodies"});
  EXPECT_EQ(accepted.exit_code, 0) << accepted.err;
  EXPECT_EQ(value("SELECT how_many()"), "0") << "its text is as it was";
  EXPECT_TRUE(enum_job("accept = [\"function-bodies\"]\n" + std::string(kWorkers))
                  .run.accepts("function-bodies"));
}

TEST_F(EnumCarry, WhatCannotFollowIsRefused) {
  create_users(10);
  struct Case {
    std::string statement;
    std::string object;
    std::string undo;
  };
  const std::vector<Case> cases{
      {"CREATE TYPE span AS RANGE (subtype = user_role)", "type span", "DROP TYPE span"},
      {"ALTER TABLE users ADD nested user_role[]; UPDATE users SET nested = '{{user}}' WHERE id = "
       "1",
       "users.nested: 1 row has an array of several dimensions", "ALTER TABLE users DROP nested"},
  };
  for (const Case& refused : cases) {
    SCOPED_TRACE(refused.statement);
    sql(refused.statement);
    EXPECT_THAT(refusal(enum_job(kWorkers)), HasSubstr(refused.object));
    sql(refused.undo);
  }
  EXPECT_EQ(run(enum_job(kWorkers)).outcome, RunOutcome::kDone);
}

TEST_F(EnumCarry, StoredGeneratedColumnsOfLargeTablesAreMadeOffline) {
  create_users(10);
  sql("ALTER TABLE users ADD flag bool GENERATED ALWAYS AS (role = 'user') STORED, ADD wide text;"
      "ALTER TABLE users ALTER wide SET STORAGE PLAIN; CREATE INDEX flags ON users (flag);"
      "INSERT INTO users (id, role, wide) SELECT i, 'admin', repeat('x', 7000) FROM "
      "generate_series(11, 1100) AS i");
  const std::string refused = refusal(enum_job(kWorkers));
  EXPECT_THAT(refused, HasSubstr("it is a stored generated column of a large table"));
  EXPECT_THAT(refused, HasSubstr("index public.flags: it lies over something that the cutover"));
  EXPECT_THAT(refused, HasSubstr("run with online = false"));
  auto offline = enum_job(kWorkers);
  offline.run.online = false;
  ASSERT_EQ(run(offline).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE flag <> (role = 'worker') OR flag IS NULL"),
            "0");
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE flag"), "3");
  EXPECT_EQ(value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'flags'::regclass"), "t");
}

TEST_F(EnumCarry, ForeignKeysFollowLiveWriters) {
  create_users(3100);  // the writer may get round to all but the last hundred
  sql("CREATE TABLE roles (role user_role PRIMARY KEY, note text);"
      "INSERT INTO roles VALUES ('user'), ('admin'), ('manager');"
      "ALTER TABLE users ADD CONSTRAINT role_known FOREIGN KEY (role) REFERENCES roles"
      " ON UPDATE CASCADE, ADD CONSTRAINT previous_known FOREIGN KEY (previous) REFERENCES roles"
      " ON DELETE SET NULL NOT VALID;"
      "COMMENT ON CONSTRAINT role_known ON users IS 'of the list';"
      "CREATE UNIQUE INDEX identity ON users (id, role);"
      "CREATE TABLE members (id int, role user_role, PRIMARY KEY (id, role), FOREIGN KEY (id, role)"
      " REFERENCES users (id, role) ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE);"
      "INSERT INTO members SELECT id, role FROM users WHERE id % 2 = 0");
  auto expected = dump();
  for (std::string& line : expected) line = replaced(line, "'user'", "'worker'");
  expected.emplace_back("    'foreman'");
  std::sort(expected.begin(), expected.end());
  Application writer(connect(), [](sql::Connection& session, int round) {
    session.execute(fmt::format("UPDATE users SET role = '{}' WHERE id = {}",
                                round % 2 == 0 ? "manager" : "admin", round * 17 % 3000 + 1));
    session.execute(fmt::format("DELETE FROM users WHERE id = {}", round * 29 % 3000 + 1));
    session.execute(
        fmt::format("INSERT INTO users (id, role) VALUES ({}, 'admin')", 10000 + round));
    session.execute(
        fmt::format("INSERT INTO members (id, role) VALUES ({}, 'admin')", 10000 + round));
  });
  writer.reach(5);
  ASSERT_EQ(refusal(enum_job(kWorkers)), "not refused");
  writer.reach(5);
  writer.end();
  EXPECT_EQ(writer.errors(), 0) << writer.first_error();
  EXPECT_EQ(dump(), expected);
  EXPECT_EQ(value("SELECT count(*) FROM members WHERE (id, role) NOT IN (SELECT id, role FROM "
                  "users)"),
            "0");
  EXPECT_EQ(value("SELECT string_agg(role::text, ' ' ORDER BY role) FROM roles"),
            "worker manager admin");
  EXPECT_NE(value("SELECT count(*) FROM users WHERE role = 'worker'"), "0");
  EXPECT_THROW(sql("INSERT INTO users (id, role) VALUES (-1, 'foreman')"), sql::Error);
}

TEST_F(EnumCarry, ForeignKeysOverTheShadowsCanBeTakenBack) {
  create_users(30);
  sql("CREATE TABLE roles (role user_role PRIMARY KEY); INSERT INTO roles VALUES ('user'), "
      "('admin'), ('manager');"
      "ALTER TABLE users ADD CONSTRAINT role_known FOREIGN KEY (role) REFERENCES roles");
  const auto before = dump();
  const auto file = enum_file(kWorkers).string();
  EXPECT_EQ(pgbackfill({"run", "-c", file}, "step-before-commit=kill").signal, SIGKILL);
  while (value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgbackfill%' "
               "AND datname = current_database()") != "0") {
    boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
  }
  const auto back = pgbackfill({"rollback", "-c", file, "--yes"});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(dump(), before);
}

/// The longest time that somebody has a table locked against everybody.
class LockWatch {
 public:
  LockWatch(sql::Connection connection, std::string relation)
      : watch_(std::move(connection), [this, relation](sql::Connection& session, int) {
          const auto rows = session.execute(
              "SELECT FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation "
              "= " +
              relation);
          const auto now = std::chrono::steady_clock::now();
          if (rows.rows() == 0) {
            since_.reset();
            return;
          }
          if (!since_) since_ = now;
          longest_ = std::max(longest_, std::chrono::duration<double, std::milli>(now - *since_));
        }) {}

  double end() {
    watch_.end();
    return longest_.count();
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> since_;
  std::chrono::duration<double, std::milli> longest_{0};
  Application watch_;
};

class EnumCarryUnderLoad : public EnumCarry {
 protected:
  void create_many() {
    create_users(rows_);
    sql("CREATE INDEX by_role ON users (role, id); CREATE INDEX admins ON users (email) WHERE role "
        "= 'admin'; ALTER TABLE users ADD CONSTRAINT known CHECK (role <> 'manager' OR id > 0);"
        "CREATE VIEW plain AS SELECT id, role FROM users WHERE role = 'admin'; ANALYZE users");
  }

  /// Labels that are there before and after.
  std::vector<std::unique_ptr<Application>> clients() {
    std::vector<std::unique_ptr<Application>> clients;
    for (int client = 0; client < 4; ++client) {
      clients.push_back(std::make_unique<Application>(
          connect(), [this, client](sql::Connection& session, int round) {
            const int id = (round * 7919 + client * 104729) % rows_ + 1;
            session.execute("BEGIN");
            session.execute(fmt::format("UPDATE users SET role = '{}' WHERE id = {}",
                                        round % 2 == 0 ? "admin" : "manager", id));
            session.execute(fmt::format("SELECT role FROM plain WHERE id = {}", id));
            session.execute("COMMIT");
          }));
    }
    return clients;
  }

  void migrate(std::string_view order) {
    create_many();
    const auto spec = enum_job(fmt::format("{}order = \"{}\"\n", kWorkers, order));
    auto load = clients();
    for (const auto& client : load) client->reach(5);
    LockWatch watch(connect(), value("SELECT 'users'::regclass::oid"));
    const auto report = run(spec);
    const double locked = watch.end();
    for (const auto& client : load) client->reach(5);
    for (const auto& client : load) {
      client->end();
      EXPECT_EQ(client->errors(), 0) << client->first_error();
    }
    EXPECT_EQ(report.outcome, RunOutcome::kDone);
    EXPECT_EQ(value("SELECT count(*) FROM users WHERE role::text = 'user'"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM users WHERE role IS NULL"), "0");
    const double catalog_ms =
        std::stod(value("SELECT coalesce(sum(extract(epoch FROM finished - started)) * 1000, 0) "
                        "FROM pgbackfill.step "
                        "WHERE step_id ~ '(rename-values|add-value)'"));
    std::cout << fmt::format(
        "{} users, order = {}: {:.1f} s, table locked for at most {:.1f} ms, labels renamed and "
        "added in {:.1f} ms\n",
        rows_, order, report.seconds, locked, catalog_ms);
    if (!long_form()) return;
    EXPECT_LT(order == "any" ? catalog_ms : locked, order == "any" ? 50 : 100);
  }

  const int rows_ = long_form() ? 1'000'000 : 5'000;
};

TEST_F(EnumCarryUnderLoad, MillionUsers) {
  migrate("strict");
  sql("DROP SCHEMA pgbackfill CASCADE; DROP TABLE users CASCADE; DROP TYPE user_role");
  migrate("any");
}

}  // namespace
}  // namespace pgbackfill::test
