#include "tests/engine/enum_carry_fixture.hpp"
#include "tests/support/application.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
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
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class EnumCarryAll : public EnumCarry {
 protected:
  void SetUp() override {
    EnumCarry::SetUp();
    create_users(200);
    sql("DROP ROLE IF EXISTS carry_reader; CREATE ROLE carry_reader;"
        "COMMENT ON COLUMN users.role IS 'what they may do'; COMMENT ON TYPE user_role IS 'roles';"
        "GRANT SELECT (role) ON users TO carry_reader;"
        "ALTER TABLE users ALTER role SET STATISTICS 17;"
        "ALTER TABLE users ADD roles user_role[] NOT NULL DEFAULT '{user}';"
        "UPDATE users SET roles = ARRAY[role, 'user'] WHERE id % 2 = 0;"
        "UPDATE users SET roles = '{}' WHERE id % 5 = 0");
    indexes();
    constraints();
    readers();
    functions();
    generated();
    types();
    domains();
  }

  void TearDown() override {
    sql("DROP OWNED BY carry_reader; DROP ROLE carry_reader");
    EnumCarry::TearDown();
  }

  void indexes() {
    sql("CREATE INDEX plain ON users (role DESC, email text_pattern_ops) INCLUDE (team);"
        "COMMENT ON INDEX plain IS 'for lists'; ALTER TABLE users CLUSTER ON plain;"
        "CREATE UNIQUE INDEX lone ON users (role, email);"
        "CREATE UNIQUE INDEX admins ON users (email) WHERE role = 'user';"
        "CREATE INDEX is_user ON users ((role = 'user'), (coalesce(previous, 'user')));"
        "ALTER INDEX is_user ALTER COLUMN 1 SET STATISTICS 50;"
        "CREATE INDEX on_roles ON users USING gin (roles);"
        "CREATE UNIQUE INDEX identity ON users (id, role);"
        "ALTER TABLE users REPLICA IDENTITY USING INDEX identity;"
        "CREATE TABLE members (id int, role user_role, other text DEFAULT 'user'::user_role::text,"
        " PRIMARY KEY (id, role));"
        "INSERT INTO members SELECT id, role FROM users;"
        "CREATE STATISTICS together (dependencies) ON role, team FROM users;"
        "COMMENT ON STATISTICS together IS 'of both'");
    if (session().server_version() >= 140000) {
      sql("CREATE STATISTICS expression ON (role = 'user'), team FROM users");
    }
  }

  void constraints() {
    sql("ALTER TABLE users ADD CONSTRAINT known CHECK (role IN ('user', 'admin', 'manager'));"
        "COMMENT ON CONSTRAINT known ON users IS 'the three';"
        "ALTER TABLE users ADD CONSTRAINT recent CHECK (role <> 'user' OR level < 50) NOT VALID;"
        "ALTER TABLE users ADD CONSTRAINT pair UNIQUE (email, role);"
        "ALTER TABLE users ADD CONSTRAINT later UNIQUE (role, id) WITH (fillfactor = 70)"
        " DEFERRABLE INITIALLY DEFERRED;"
        "CREATE TABLE roles (role user_role PRIMARY KEY);"
        "INSERT INTO roles VALUES ('user'), ('admin'), ('manager');"
        "ALTER TABLE users ADD CONSTRAINT listed FOREIGN KEY (role) REFERENCES roles"
        " ON UPDATE CASCADE DEFERRABLE;"
        "ALTER TABLE users ADD CONSTRAINT apart EXCLUDE USING btree (id WITH =, role WITH =)"
        " WITH (fillfactor = 80) WHERE (role <> 'user')");
  }

  void readers() {
    sql("CREATE VIEW plain_users WITH (security_barrier) AS"
        " SELECT id, role, email FROM users WHERE role = 'user' WITH LOCAL CHECK OPTION;"
        "COMMENT ON VIEW plain_users IS 'those'; COMMENT ON COLUMN plain_users.role IS 'which';"
        "GRANT SELECT ON plain_users TO carry_reader; GRANT UPDATE (email) ON plain_users TO "
        "carry_reader; ALTER VIEW plain_users ALTER role SET DEFAULT 'user';"
        "CREATE VIEW counted AS SELECT p.role, count(*) FROM plain_users p GROUP BY 1;"
        "CREATE VIEW constant AS SELECT 'user'::user_role AS role;"
        "CREATE VIEW everything AS SELECT * FROM users;"
        "CREATE VIEW listed AS SELECT id FROM users WHERE 'user' = ANY (roles);"
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER instead INSTEAD OF INSERT ON counted FOR EACH ROW EXECUTE FUNCTION touch();"
        "CREATE MATERIALIZED VIEW stored AS SELECT role, team, count(*) AS n FROM users"
        " WHERE role >= 'user' GROUP BY 1, 2;"
        "CREATE UNIQUE INDEX stored_key ON stored (role, team);"
        "CREATE INDEX stored_users ON stored (team) WHERE role = 'user';"
        "CREATE MATERIALIZED VIEW above AS SELECT role, sum(n) FROM stored GROUP BY 1;"
        "CREATE MATERIALIZED VIEW never AS SELECT role FROM users WITH NO DATA;"
        "CREATE RULE quiet AS ON UPDATE TO members WHERE NEW.role = 'user' DO ALSO NOTHING;"
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON users FOR UPDATE TO carry_reader USING (role = 'user')"
        " WITH CHECK (role <> 'admin');"
        "CREATE POLICY through ON members AS RESTRICTIVE USING (EXISTS"
        " (SELECT FROM plain_users p WHERE p.id = members.id AND p.role = 'user'));"
        "COMMENT ON POLICY own ON users IS 'mine';"
        "CREATE TRIGGER watch BEFORE UPDATE OF role ON users FOR EACH ROW EXECUTE FUNCTION touch();"
        "CREATE TRIGGER whenever BEFORE UPDATE ON users FOR EACH ROW WHEN (NEW.role = 'user')"
        " EXECUTE FUNCTION touch(); ALTER TABLE users DISABLE TRIGGER whenever");
    if (session().server_version() >= 150000) {
      sql("CREATE PUBLICATION listing FOR TABLE users (id, role)");
    }
  }

  void functions() {
    sql("CREATE FUNCTION grade(r user_role DEFAULT 'user') RETURNS int LANGUAGE sql STABLE"
        " SET work_mem = '8MB' AS 'SELECT 1';"
        "REVOKE ALL ON FUNCTION grade FROM PUBLIC; GRANT EXECUTE ON FUNCTION grade TO carry_reader;"
        "COMMENT ON FUNCTION grade IS 'of roles';"
        "CREATE VIEW ranked AS SELECT id, grade(role) AS grade FROM users;"
        "CREATE PROCEDURE set_role(r user_role) LANGUAGE plpgsql AS 'BEGIN END'");
    if (session().server_version() >= 140000) {
      sql("CREATE FUNCTION users_of(r user_role) RETURNS bigint LANGUAGE sql BEGIN ATOMIC"
          " SELECT count(*) FROM plain_users p WHERE p.role = r OR p.role = 'user'; END");
    }
  }

  void generated() {
    sql("ALTER TABLE users ADD flag bool GENERATED ALWAYS AS (role = 'user') STORED NOT NULL,"
        " ADD again user_role GENERATED ALWAYS AS (coalesce(previous, 'user')) STORED;"
        "COMMENT ON COLUMN users.flag IS 'made'; GRANT SELECT (flag) ON users TO carry_reader;"
        "ALTER TABLE users ALTER flag SET STATISTICS 11;"
        "CREATE INDEX flags ON users (flag, role) WHERE again = 'user';"
        "COMMENT ON INDEX flags IS 'both';"
        "ALTER TABLE users ADD CONSTRAINT flag_known CHECK (flag OR again <> 'admin'),"
        " ADD CONSTRAINT flag_key UNIQUE (flag, id);"
        "COMMENT ON CONSTRAINT flag_key ON users IS 'no two';"
        "CREATE VIEW flagged AS SELECT id, flag FROM users WHERE again = 'user';"
        "CREATE FUNCTION weight(r user_role) RETURNS int LANGUAGE sql IMMUTABLE"
        " AS 'SELECT length(r::text)';"
        "CREATE INDEX by_weight ON users (weight(role))");
    own_not_nulls();
  }

  /// From version 18 on NOT NULL is a constraint.
  void own_not_nulls() {
    if (session().server_version() < 180000) return;
    sql("ALTER TABLE users RENAME CONSTRAINT users_role_not_null TO role_there;"
        "COMMENT ON CONSTRAINT role_there ON users IS 'always';"
        "ALTER TABLE users ALTER roles DROP NOT NULL, ALTER flag DROP NOT NULL,"
        " ADD CONSTRAINT roles_there NOT NULL roles NOT VALID,"
        " ADD CONSTRAINT flag_there NOT NULL flag NO INHERIT NOT VALID,"
        " ADD CONSTRAINT again_there NOT NULL again;"
        "COMMENT ON CONSTRAINT roles_there ON users IS 'from now on';"
        "COMMENT ON CONSTRAINT flag_there ON users IS 'made as well'");
  }

  void types() {
    sql("CREATE AGGREGATE top(user_role) (sfunc = enum_larger, stype = user_role, parallel = safe);"
        "COMMENT ON AGGREGATE top(user_role) IS 'greatest';"
        "CREATE VIEW tops AS SELECT team, top(role) FROM users GROUP BY 1;"
        "CREATE CAST (user_role AS int) WITH FUNCTION weight(user_role) AS ASSIGNMENT;"
        "CREATE VIEW cast_weights AS SELECT id, role::int AS w FROM users;"
        "CREATE TYPE pairing AS (role user_role, roles user_role[], n numeric(8, 2));"
        "COMMENT ON TYPE pairing IS 'two'; COMMENT ON COLUMN pairing.role IS 'the one';"
        "CREATE FUNCTION pairings() RETURNS SETOF pairing LANGUAGE sql STABLE"
        " AS 'SELECT role, roles, 1.0 FROM users';"
        "CREATE VIEW paired AS SELECT role FROM pairings()");
  }

  void domains() {
    sql("CREATE DOMAIN role_name AS user_role DEFAULT 'user'::user_role NOT NULL"
        " CONSTRAINT no_chief CHECK (VALUE <> 'manager');"
        "COMMENT ON DOMAIN role_name IS 'a role'; COMMENT ON CONSTRAINT no_chief ON DOMAIN "
        "role_name"
        " IS 'none'; REVOKE ALL ON DOMAIN role_name FROM PUBLIC;"
        "GRANT USAGE ON DOMAIN role_name TO carry_reader;"
        "CREATE DOMAIN narrow AS role_name CHECK (VALUE::user_role IN ('user', 'admin'));"
        "CREATE DOMAIN several AS user_role[] CHECK (array_length(VALUE, 1) < 9);"
        "CREATE TABLE badges (id int PRIMARY KEY, role role_name, second narrow DEFAULT 'user',"
        " many several DEFAULT '{user}');"
        "INSERT INTO badges SELECT i, (ARRAY['user', 'admin'])[i % 2 + 1]::user_role, 'user',"
        " '{user,manager}' FROM generate_series(1, 50) AS i;"
        "CREATE INDEX badge_role ON badges (role) WHERE second::user_role = 'user';"
        "ALTER TABLE badges ADD CONSTRAINT usual CHECK (role::user_role <> 'user' OR id > 0);"
        "CREATE VIEW badge_list AS SELECT id, role, many FROM badges WHERE role::user_role = "
        "'user';"
        "CREATE FUNCTION of_badge(r role_name) RETURNS text LANGUAGE sql AS 'SELECT r::text'");
    sql("ALTER DOMAIN role_name ADD CONSTRAINT late CHECK (VALUE <> 'user') NOT VALID");
  }

  /// What no swap takes back.
  void arrays_of_a_domain() {
    sql("CREATE DOMAIN \"Each One\" AS user_role CHECK (VALUE <> 'manager');"
        "CREATE TABLE letters (id int PRIMARY KEY, each \"Each One\"[] DEFAULT '{user,admin}');"
        "INSERT INTO letters VALUES (1, '{user,admin}'), (2, DEFAULT);"
        "CREATE VIEW letter_list AS SELECT id, each FROM letters");
  }

  void partitions() {
    sql("CREATE TABLE events (id int, day int NOT NULL, role user_role NOT NULL DEFAULT 'user',"
        " CONSTRAINT events_key PRIMARY KEY (id, day, role), CONSTRAINT once UNIQUE (role, day, "
        "id))"
        " PARTITION BY RANGE (day);"
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20)"
        " PARTITION BY RANGE (id);"
        "CREATE TABLE events_2a PARTITION OF events_2 DEFAULT;"
        "INSERT INTO events SELECT i, i % 20, (ARRAY['user', 'admin'])[i % 2 + 1]::user_role"
        " FROM generate_series(1, 100) AS i;"
        "CREATE INDEX events_role ON events (role DESC) INCLUDE (id);"
        "CREATE UNIQUE INDEX events_lone ON events (day, id, role) WHERE role = 'user';"
        "COMMENT ON INDEX events_role IS 'parted'; COMMENT ON INDEX events_1_role_id_idx IS "
        "'first';"
        "COMMENT ON CONSTRAINT once ON events IS 'one'");
  }

  static constexpr const char* kStored =
      "SELECT md5(string_agg(s::text, ' ' ORDER BY s::text)) FROM stored AS s";
  static constexpr const char* kPopulated =
      "SELECT string_agg(relname || relispopulated, ' ' ORDER BY relname) FROM pg_class WHERE "
      "relkind = 'm'";
  static constexpr const char* kLabelOfFirst = "SELECT role::text FROM users WHERE id = 3";

  std::string enum_labels() { return value("SELECT enum_range(NULL::user_role)::text"); }

  /// How many steps a rollback has to take back until it has taken back the cutover.
  int inverses_up_to_swap() {
    return static_cast<int>(
        count("SELECT count(*) FROM pgbackfill.step WHERE state <> 'pending' AND ordinal >= "
              "(SELECT ordinal FROM pgbackfill.step WHERE step_id = 'finish:user_role:swap')"));
  }

  /// The dump but for what a swap said of a new column or index that is one again.
  std::vector<std::string> dump_at_index() {
    std::vector<std::string> lines = dump();
    std::erase_if(lines, [](const std::string& line) {
      return line.find("pgbackfill_new_") != std::string::npos &&
             (line.ends_with(" SET STATISTICS 17;") || line.ends_with(" SET STATISTICS 50;") ||
              line.starts_with("GRANT ") || line.starts_with("COMMENT ON "));
    });
    return lines;
  }

  std::vector<std::string> expected_dump() {
    std::vector<std::string> lines = dump();
    for (std::string& line : lines) {
      line = replaced(replaced(line, "'user'", "'worker'"), "{user}", "{worker}");
      line = replaced(line, "{user,", "{worker,");
    }
    lines.emplace_back("    'foreman'");
    std::sort(lines.begin(), lines.end());
    return lines;
  }
};

TEST_F(EnumCarryAll, TheSchemaDiffersInItsLabelsAlone) {
  arrays_of_a_domain();
  partitions();
  const auto expected = expected_dump();
  const std::string roles = value(
      "SELECT md5(string_agg(concat_ws(' ', id, replace(role::text, 'user', 'worker'),"
      " replace(previous::text, 'user', 'worker'), replace(roles::text, 'user', 'worker')), ',' "
      "ORDER BY id)) FROM users");
  ASSERT_EQ(refusal(enum_job(kWorkers)), "not refused");
  EXPECT_EQ(dump(), expected);
  EXPECT_EQ(value("SELECT md5(string_agg(concat_ws(' ', id, role, previous, roles), ',' ORDER BY "
                  "id)) FROM users"),
            roles);
  EXPECT_EQ(value("SELECT count(*) FROM members m JOIN users u USING (id, role)"), "200");
  EXPECT_EQ(value(kPopulated), "abovetrue neverfalse storedtrue");
  EXPECT_EQ(value("SELECT sum(n) FROM stored"), "200");
  EXPECT_EQ(value("SELECT count(*) FROM plain_users"),
            value("SELECT count(*) FROM users WHERE role = 'worker'"));
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
}

TEST_F(EnumCarryAll, UpToTheSwapItCanBeTakenBack) {
  arrays_of_a_domain();
  partitions();
  const auto before = dump();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  const planner::Plan plan =
      planner::plan_from_json(value("SELECT plan::text FROM pgbackfill.job"));
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    if (step->stage == Stage::kFinish || step->stage == Stage::kEnsure) continue;
    if (step->kind == planner::StepKind::kAlone) {
      for (const std::string& statement : step->inverse) sql(statement);
    } else {
      sql(fmt::format("{}", fmt::join(step->inverse, "\n;\n")));
    }
  }
  EXPECT_EQ(dump(), before);
}

TEST_F(EnumCarryAll, AfterFinishAllComesBack) {
  const auto before = dump();
  const auto labels = enum_labels();
  const auto rows = checksums();
  const auto stored = value(kStored);
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  ASSERT_NE(checksums(), rows);
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  EXPECT_THAT(losses_, IsEmpty()) << "and nobody was asked";
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(enum_labels(), labels);
  EXPECT_EQ(checksums(), rows);
  EXPECT_EQ(value(kStored), stored);
  EXPECT_EQ(value(kPopulated), "abovetrue neverfalse storedtrue");
  EXPECT_EQ(value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
}

TEST_F(EnumCarryAll, TakenBackToAStageItRunsAgain) {
  const auto finished = expected_dump();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  const auto at_index = dump_at_index();
  const auto rows = checksums();
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(roll_back(spec, Stage::kIndex).outcome, RollbackOutcome::kDone);
  EXPECT_EQ(dump_at_index(), at_index);
  EXPECT_EQ(checksums(), rows);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(dump(), finished);
}

TEST_F(EnumCarryAll, KilledOnTheWayBackItGoesOn) {
  const auto before = dump();
  const auto rows = checksums();
  const auto stored = value(kStored);
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  // While old columns are filled, indexes and keys over them are made, in the cutover, behind it.
  for (const std::string point :
       {"rollback-before-commit:3", "step-before-commit:2", "stale-mended:2",
        "step-before-commit:4", "step-before-record:9", "step-before-ddl:15"}) {
    SCOPED_TRACE(point);
    const auto killed = command("rollback", spec, {}, point + "=kill");
    ASSERT_EQ(killed.signal, SIGKILL) << "never came there\n" << killed.out << killed.err;
    EXPECT_EQ(value(kLabelOfFirst), "worker");
  }
  const std::string swapping = "rollback-before-record:" + std::to_string(inverses_up_to_swap());
  ASSERT_EQ(command("rollback", spec, {}, swapping + "=kill").signal, SIGKILL);
  EXPECT_EQ(value(kLabelOfFirst), "worker") << "nothing of it was committed";
  const std::string swapped = "rollback-step-recorded:" + std::to_string(inverses_up_to_swap());
  ASSERT_EQ(command("rollback", spec, {}, swapped + "=kill").signal, SIGKILL);
  EXPECT_EQ(value(kLabelOfFirst), "user");
  const auto last = command("rollback", spec);
  EXPECT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(checksums(), rows);
  EXPECT_EQ(value(kStored), stored);
}

TEST_F(EnumCarryAll, RightBehindTheSwapTheOldColumnsComeBack) {
  const auto before = dump();
  const auto rows = checksums();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  const auto ahead = count(
      "SELECT count(*) FROM pgbackfill.step WHERE stage = 'finish' AND ordinal <= "
      "(SELECT ordinal FROM pgbackfill.step WHERE step_id = 'finish:user_role:swap')");
  const auto killed = command("run", spec, {}, fmt::format("step-recorded:{}=kill", ahead));
  ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
  ASSERT_EQ(value("SELECT pgbackfill_old_role::text || ' ' || role FROM users WHERE id = 3"),
            "user worker");
  sql("INSERT INTO users (id, role) VALUES (1000, 'worker');"
      "UPDATE users SET role = 'admin' WHERE id = 3");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
  EXPECT_EQ(value("SELECT string_agg(role::text, ' ' ORDER BY id) FROM users WHERE id IN (3, "
                  "1000)"),
            "admin user");
  sql("DELETE FROM users WHERE id = 1000; UPDATE users SET role = 'user' WHERE id = 3");
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(checksums(), rows);
}

TEST_F(EnumCarryAll, WhatDoesNotComeBackIsCountedFirst) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("INSERT INTO roles VALUES ('foreman'); ALTER TABLE users DROP CONSTRAINT known;"
      "UPDATE users SET role = 'foreman', level = 1 WHERE id IN (2, 3, 5);"
      "UPDATE users SET roles = '{worker,foreman,foreman}' WHERE id = 7;"
      "CREATE VIEW late AS SELECT id FROM plain_users;"
      "CREATE POLICY late ON users USING (role = 'worker');"
      "ALTER TABLE users ADD late bool GENERATED ALWAYS AS (role = 'worker') STORED;"
      "CREATE FUNCTION lately(r user_role) RETURNS int LANGUAGE sql AS 'SELECT 1'");
  const auto finished = dump();
  const auto rows = checksums();
  const auto refused = command("rollback", spec, {"--yes"});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  const std::string untold = "neither unmap nor the inverse of map of type user_role";
  EXPECT_THAT(refused.err, AllOf(HasSubstr("users.role: 3 rows 'foreman': " + untold),
                                 HasSubstr("users.roles: 2 elements 'foreman': " + untold),
                                 HasSubstr("roles.role: 1 row 'foreman': " + untold),
                                 HasSubstr("view late lies over what is set up anew"),
                                 HasSubstr("policy late on table users depends on it"),
                                 HasSubstr("column late of table users depends on it"),
                                 HasSubstr("function lately(user_role) depends on it")));
  EXPECT_EQ(dump(), finished);
  EXPECT_EQ(checksums(), rows);
  sql("DROP VIEW late; DROP FUNCTION lately; DROP POLICY late ON users;"
      "ALTER TABLE users DROP late; UPDATE users SET roles = '{worker}' WHERE id = 7;"
      "UPDATE users SET role = 'admin' WHERE role = 'foreman';"
      "DELETE FROM roles WHERE role = 'foreman'; ALTER TABLE users ADD CONSTRAINT known CHECK "
      "(true)");
  EXPECT_EQ(roll_back(spec).outcome, RollbackOutcome::kDone);
}

TEST_F(EnumCarryAll, KeysThatWouldComeBackAsOneAreRefused) {
  const auto before = dump();
  const auto spec = enum_job(std::string(kWorkers) + "unmap = { foreman = \"user\" }\n");
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  sql("INSERT INTO roles VALUES ('foreman');"
      "INSERT INTO members (id, role) VALUES (3, 'foreman'), (6, 'foreman'), (1, 'foreman');"
      "UPDATE users SET roles = '{{worker,admin},{admin,worker}}' WHERE id = 7");
  const auto rows = checksums();
  const auto refused = command("rollback", spec, {"--yes"});
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  const std::string unique = ": it is unique, and with the old labels ";
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("index roles_pkey of table roles" + unique + "1 key would"),
                    HasSubstr("index members_pkey of table members" + unique + "2 keys would"),
                    HasSubstr("users.roles: 1 row has an array of several dimensions"),
                    Not(HasSubstr("cannot be counted"))));
  EXPECT_EQ(checksums(), rows);
  sql("DELETE FROM roles WHERE role = 'foreman'; DELETE FROM members WHERE role = 'foreman';"
      "INSERT INTO members (id, role) VALUES (500, 'foreman'); UPDATE users SET roles = "
      "'{foreman,admin}'"
      " WHERE id = 7");
  EXPECT_THROW(roll_back(spec), engine::Refused);
  EXPECT_THAT(losses_, UnorderedElementsAre("members.role: 1 row 'foreman' becomes 'user'",
                                            "users.roles: 1 element 'foreman' becomes 'user'"));
  EXPECT_EQ(roll_back(spec, {}, true).outcome, RollbackOutcome::kDone);
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(value("SELECT role FROM members WHERE id = 500"), "user");
  EXPECT_EQ(value("SELECT roles FROM users WHERE id = 7"), "{user,admin}");
}

TEST_F(EnumCarryAll, KilledAtTheSwapItGoesOn) {
  const auto expected = expected_dump();
  const auto file = enum_file(kWorkers).string();
  ASSERT_EQ(pgbackfill({"run", "-c", file, "--until", "index"}).exit_code, 0);
  const auto before = value(
      "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute"
      " WHERE attrelid = 'users'::regclass");
  EXPECT_EQ(pgbackfill({"run", "-c", file}, "step-before-commit=kill").signal, SIGKILL);
  while (value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgbackfill%' "
               "AND datname = current_database()") != "0") {
    boost::this_thread::sleep_for(boost::chrono::milliseconds(5));
  }
  EXPECT_EQ(value("SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute"
                  " WHERE attrelid = 'users'::regclass"),
            before)
      << "nothing of a swap that was not committed is there";
  const auto last = pgbackfill({"run", "-c", file});
  EXPECT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(dump(), expected);
}

TEST_F(EnumCarryAll, WhatIsMadeAfterThePlanEndsTheSwap) {
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  sql("CREATE VIEW late AS SELECT previous FROM users");
  try {
    run(spec);
    ADD_FAILURE() << "swapped away under a view";
  } catch (const sql::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("late"));
  }
  EXPECT_EQ(value("SELECT count(*) FROM users WHERE role::text = 'worker'"), "0");
  sql("DROP VIEW late");
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
}

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

TEST_F(EnumCarry, MergesThatMakeDuplicatesAreRefusedWithKeys) {
  create_users(30);
  sql("UPDATE users SET email = 'same' WHERE id IN (1, 3);"
      "CREATE UNIQUE INDEX once ON users (email, role)");
  const std::string_view merge =
      "[[enum]]\ntype = \"user_role\"\nvalues = [\"staff\", \"manager\"]\n"
      "map = { user = \"staff\", admin = \"staff\" }\n";
  EXPECT_THAT(refusal(enum_job(merge)),
              HasSubstr("index once of table users: it is unique, and with the new labels 1 key "
                        "would be there more than once: (same, staff) 2 times."));
  sql("UPDATE users SET email = 'other' WHERE id = 3");
  EXPECT_EQ(run(enum_job(merge)).outcome, RunOutcome::kDone);
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
      {"CREATE TYPE c AS (r user_role); ALTER TABLE users ADD pair c",
       "column pair of table public.users", "ALTER TABLE users DROP pair; DROP TYPE c"},
      {"CREATE AGGREGATE first(user_role) (sfunc = enum_larger, stype = user_role, initcond = "
       "'user')",
       "function first", "DROP AGGREGATE first(user_role)"},
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
  create_users(3000);
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
