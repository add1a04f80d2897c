#include "tests/engine/enum_carry_fixture.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
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

/// Everything that can hang on an enum, at once.
class EnumWhole : public EnumCarry {
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
    partitions();
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
        "CREATE AGGREGATE least_from(user_role) (sfunc = enum_smaller, stype = user_role,"
        " msfunc = enum_smaller, minvfunc = enum_smaller, mstype = user_role, initcond = 'user',"
        " minitcond = 'admin');"
        "CREATE AGGREGATE gathered(user_role) (sfunc = array_append, stype = user_role[],"
        " initcond = '{user,NULL}');"
        "CREATE AGGREGATE \"with)\"(user_role) (sfunc = array_append, stype = user_role[]);"
        "CREATE VIEW tops AS SELECT team, top(role) FROM users GROUP BY 1;"
        "CREATE CAST (user_role AS int) WITH FUNCTION weight(user_role) AS ASSIGNMENT;"
        "CREATE VIEW cast_weights AS SELECT id, role::int AS w FROM users;"
        "CREATE TYPE pairing AS (role user_role, roles user_role[], n numeric(8, 2));"
        "COMMENT ON TYPE pairing IS 'two'; COMMENT ON COLUMN pairing.role IS 'the one';"
        "CREATE FUNCTION pairings() RETURNS SETOF pairing LANGUAGE sql STABLE"
        " AS 'SELECT role, roles, 1.0 FROM users';"
        "CREATE VIEW paired AS SELECT role FROM pairings()");
    sql("CREATE TYPE entry AS (role user_role, what json);"
        "COMMENT ON COLUMN entry.role IS 'of the entry';"
        "CREATE TABLE log (id int PRIMARY KEY, entry entry NOT NULL DEFAULT ROW('user'::user_role,"
        " NULL::json)); INSERT INTO log SELECT i FROM generate_series(1, 50) AS i;"
        "CREATE INDEX by_entry ON log (((entry).role)) WHERE (entry).role = 'user';"
        "CREATE FUNCTION role_of(e entry) RETURNS user_role LANGUAGE sql AS 'SELECT (e).role';"
        "CREATE VIEW logged AS SELECT id, entry FROM log WHERE (entry).role = 'user'");
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
      // As the catalogs' listing has it, where there is no pg_dump for the server.
      if (line.find("pgbackfill_n") != std::string::npos &&
          (line.starts_with("column ") || line.starts_with("comment "))) {
        return true;
      }
      return line.find("pgbackfill_new_") != std::string::npos &&
             (line.ends_with(" SET STATISTICS 17;") || line.ends_with(" SET STATISTICS 50;") ||
              line.starts_with("GRANT ") || line.starts_with("COMMENT ON "));
    });
    return lines;
  }
};

TEST_F(EnumWhole, TheSchemaDiffersInItsLabelsAlone) {
  arrays_of_a_domain();
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

TEST_F(EnumWhole, UpToTheSwapItCanBeTakenBack) {
  arrays_of_a_domain();
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

TEST_F(EnumWhole, AfterFinishAllComesBack) {
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

TEST_F(EnumWhole, TakenBackToAStageItRunsAgain) {
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

TEST_F(EnumWhole, KilledOnTheWayBackItGoesOn) {
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

TEST_F(EnumWhole, RightBehindTheSwapTheOldColumnsComeBack) {
  const auto before = dump();
  const auto rows = checksums();
  const auto spec = enum_job(kWorkers);
  ASSERT_EQ(run_until(spec, Stage::kIndex).outcome, RunOutcome::kDone);
  ASSERT_NO_FATAL_FAILURE(kill_right_behind_swap(spec));
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

TEST_F(EnumWhole, WhatDoesNotComeBackIsCountedFirst) {
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

TEST_F(EnumWhole, KeysThatWouldComeBackAsOneAreRefused) {
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

TEST_F(EnumWhole, KilledAtTheSwapItGoesOn) {
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

TEST_F(EnumWhole, WhatIsMadeAfterThePlanEndsTheSwap) {
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

}  // namespace
}  // namespace pgbackfill::test
