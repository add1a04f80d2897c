#include "planner/file/migration_file.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/schema_text.hpp"
#include "tools/cli.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

namespace fs = std::filesystem;
using engine::RunOutcome;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kEnvironment = R"py(import os
import psycopg2
import sqlalchemy
from alembic import context

engine = sqlalchemy.create_engine(
    "postgresql+psycopg2://", creator=lambda: psycopg2.connect(os.environ["TEST_DSN"])
)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
)py";

constexpr std::string_view kFirstRevision = R"py(from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("""
CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL);
INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001', 'Default');
INSERT INTO organizations SELECT ('00000000-0000-0000-0000-' || lpad((100 + n)::text, 12, '0'))::uuid,
  'Organization ' || n FROM generate_series(1, 5) AS n;
CREATE TYPE user_role AS ENUM ('user', 'foreman', 'admin');
CREATE TABLE users (user_id integer PRIMARY KEY, team_id integer NOT NULL, email text NOT NULL,
  role user_role NOT NULL DEFAULT 'user', CONSTRAINT users_email_key UNIQUE (email));
CREATE INDEX ix_users_role ON users (role);
CREATE TABLE notes (note_id integer PRIMARY KEY, user_id integer NOT NULL,
  CONSTRAINT notes_user FOREIGN KEY (user_id) REFERENCES users DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE tags (tag_id integer PRIMARY KEY, label text NOT NULL, kind text DEFAULT 'plain');
CREATE TABLE visits (visit_id integer NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO users SELECT n, 1 + n % 20, 'u' || n,
  (ARRAY['user', 'foreman', 'admin'])[1 + n % 3]::user_role FROM generate_series(1, 40) AS n;
INSERT INTO notes SELECT n, 1 + n % 40 FROM generate_series(1, 80) AS n;
INSERT INTO tags SELECT n, 'tag ' || n, NULL FROM generate_series(1, 10) AS n;
INSERT INTO visits SELECT n, date '2024-06-01' + n * 30 FROM generate_series(1, 15) AS n;
""")


def downgrade():
    raise NotImplementedError
)py";

/// Colons, percents and backslashes, which SQLAlchemy and the driver have their own use for.
constexpr std::string_view kJob = R"toml(
[[lookup]]
name = "team_orgs"
file = "team_orgs.csv"
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000777", name = "Extra :name 100%" }
[[table]]
name = "users"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "notes"
value = { parent = "users", via = "user_id" }
[[table]]
name = "tags"
[[table]]
name = "visits"
value = { sql = "('00000000-0000-0000-0000-00000000010' || (1 + visit_id % 5))::uuid" }
[[unique]]
table = "users"
columns = ["email"]
[[column]]
table = "tags"
name = "kind"
value = { sql = "concat('a :b \\:c 5% ', label)" }
not_null = true
default = "say \"\"\" :x"
index = "ix_tags_kind"
[[enum]]
type = "user_role"
values = ["worker", "manager", "admin"]
map = { user = "worker", foreman = "worker" }
unmap = { worker = "user", manager = "foreman" }
[alembic]
expect = "0001"
stamp = "0002"
)toml";

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string sorted_lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with(',')) line.pop_back();
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  std::string sorted;
  for (const std::string& line : lines) sorted += line + "\n";
  return sorted;
}

class Alembic : public JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    write_team_lookup();
    directory_ =
        write_file("alembic.ini", "[alembic]\nscript_location = migrations\n").parent_path();
    fs::create_directories(directory_ / "migrations/versions");
    write_file("migrations/env.py", kEnvironment);
    write_file("migrations/versions/0001.py", kFirstRevision);
    ASSERT_NO_FATAL_FAILURE(alembic(dsn(), {"upgrade", "0001"}));
  }

  void TearDown() override {
    if (!clean_.empty())
      server().execute(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", clean_));
    JobTest::TearDown();
  }

  static ::pgbackfill::sql::Connection server(
      const std::string& dsn = TempCluster::shared().dsn()) {
    ::pgbackfill::sql::ConnectOptions options;
    options.dsn = dsn;
    return ::pgbackfill::sql::Connection(std::move(options));
  }

  /// Another database as this one is now, in which nobody may be.
  void copy_clean() {
    clean_ = database() + "_clean";
    server().execute(fmt::format("CREATE DATABASE {} TEMPLATE {}", clean_, database()));
  }
  std::string clean() const { return TempCluster::shared().dsn(clean_); }

  ProgramOutcome try_alembic(const std::string& dsn, const std::vector<std::string>& arguments) {
    ProgramOptions options;
    options.directory = directory_;
    options.environment = {{"TEST_DSN", dsn}, {"PYTHONDONTWRITEBYTECODE", "1"}};
    return run_program("alembic", arguments, options);
  }
  void alembic(const std::string& dsn, const std::vector<std::string>& arguments) {
    const ProgramOutcome outcome = try_alembic(dsn, arguments);
    ASSERT_EQ(outcome.exit_code, 0)
        << "alembic with psycopg2 must run here; tools/setup.sh installs both\n"
        << outcome.err;
  }

  int pgbackfill(std::vector<std::string> arguments, const std::string& dsn) {
    arguments.insert(arguments.end(), {"-c", (directory_ / "job.toml").string(), "--dsn", dsn});
    std::ostringstream out;
    std::ostringstream err;
    const int code = tools::run_cli(arguments, out, err);
    said_ = out.str() + err.str();
    return code;
  }
  fs::path export_revision() {
    const fs::path file = directory_ / "migrations/versions/0002.py";
    fs::remove(file);
    EXPECT_EQ(pgbackfill({"export", "alembic", "--revision", "0002", "--down-revision", "0001",
                          "-o", file.string()},
                         dsn()),
              tools::kExitDone)
        << said_;
    return file;
  }

  std::string schema(const std::string& dsn) {
    std::string text = schema_text(dsn);
    EXPECT_THAT(text, HasSubstr(" public.users"));
    return text;
  }
  std::string rows(const std::string& dsn) {
    std::string text;
    auto connection = server(dsn);
    for (const char* table : {"organizations", "users", "notes", "tags", "visits"}) {
      const auto result = connection.execute(
          fmt::format("SELECT string_agg(to_jsonb(t)::text, ' ' ORDER BY to_jsonb(t)::text) "
                      "FROM {} AS t",
                      table));
      text += fmt::format("{}: {}\n", table, result.text(0, 0));
    }
    return text;
  }

  fs::path directory_;
  std::string clean_;
  std::string said_;
};

TEST_F(Alembic, BringsACleanDatabaseToTheSameSchemaAndBack) {
  copy_clean();
  const auto spec = job(kJob);
  const std::string before = schema(clean());
  const fs::path file = export_revision();
  EXPECT_THAT(contents(file), AllOf(Not(HasSubstr("CONCURRENTLY")), Not(HasSubstr("TRIGGER")),
                                    Not(HasSubstr("\"pgbackfill\""))));
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  ASSERT_NO_FATAL_FAILURE(alembic(clean(), {"upgrade", "head"}));
  EXPECT_EQ(schema(clean()), schema(dsn()));
  EXPECT_EQ(rows(clean()), rows(dsn()));
  EXPECT_EQ(pgbackfill({"verify"}, clean()), tools::kExitDone) << said_;
  ASSERT_NO_FATAL_FAILURE(alembic(clean(), {"downgrade", "0001"}));
  EXPECT_EQ(sorted_lines(schema(clean())), sorted_lines(before));
}

TEST_F(Alembic, ExportsAFinishedJobFromItsLedgerAndLeavesItsDatabaseAlone) {
  copy_clean();
  ASSERT_EQ(run(job(kJob)).outcome, RunOutcome::kDone);
  const std::string done = schema(dsn());
  const std::string filled = rows(dsn());
  const fs::path file = export_revision();
  EXPECT_THAT(said_, HasSubstr("is finished"));
  EXPECT_THAT(contents(file), AllOf(Not(HasSubstr("CONCURRENTLY")), Not(HasSubstr("TRIGGER"))));
  ASSERT_NO_FATAL_FAILURE(alembic(clean(), {"upgrade", "head"}));
  EXPECT_EQ(schema(clean()), done);
  EXPECT_EQ(rows(clean()), filled);
  // As if the job had not set Alembic's revision.
  sql("UPDATE alembic_version SET version_num = '0001'");
  ASSERT_NO_FATAL_FAILURE(alembic(dsn(), {"upgrade", "head"}));
  EXPECT_EQ(value("SELECT version_num FROM alembic_version"), "0002");
  EXPECT_EQ(schema(dsn()), done);
  EXPECT_EQ(rows(dsn()), filled);
}

TEST_F(Alembic, RefusesToGoBackFromWhatPostgresqlCannotTakeBack) {
  job("[[table]]\nname = \"tags\"\n[[enum]]\ntype = \"user_role\"\norder = \"any\"\n"
      "values = [\"user\", \"foreman\", \"admin\", \"owner\"]\n");
  export_revision();
  ASSERT_NO_FATAL_FAILURE(alembic(dsn(), {"upgrade", "head"}));
  EXPECT_EQ(value("SELECT enum_range(NULL::user_role)"), "{user,foreman,admin,owner}");
  const ProgramOutcome back = try_alembic(dsn(), {"downgrade", "0001"});
  EXPECT_NE(back.exit_code, 0);
  EXPECT_THAT(back.err, HasSubstr("PostgreSQL cannot drop a label from an enum"));
  EXPECT_EQ(value("SELECT version_num FROM alembic_version"), "0002");
}

TEST_F(Alembic, ChangesTypesOnceAndTakesThemBack) {
  copy_clean();
  const std::string before = schema(clean());
  const std::string written = rows(clean());
  const auto spec = planner::read_migration_file(
      write_file("job.toml",
                 "version = 1\n[[convert]]\ntype = \"bigint\"\n"
                 "columns = [\"users.user_id\", \"notes.user_id\"]\n"));
  export_revision();
  ASSERT_EQ(run(spec).outcome, RunOutcome::kDone);
  const std::string done = schema(dsn());
  ASSERT_NO_FATAL_FAILURE(alembic(clean(), {"upgrade", "head"}));
  EXPECT_EQ(schema(clean()), done);
  EXPECT_EQ(rows(clean()), rows(dsn()));
  ASSERT_NO_FATAL_FAILURE(alembic(dsn(), {"upgrade", "head"}));
  EXPECT_EQ(schema(dsn()), done);
  ASSERT_NO_FATAL_FAILURE(alembic(clean(), {"downgrade", "0001"}));
  EXPECT_EQ(sorted_lines(schema(clean())), sorted_lines(before));
  EXPECT_EQ(rows(clean()), written);
}

TEST_F(Alembic, RevisionIsExpectedStampedVerifiedAndTakenBack) {
  const auto spec =
      job("[[table]]\nname = \"tags\"\n[alembic]\nexpect = \"0001\"\nstamp = \"00'02\"\n");
  sql("UPDATE alembic_version SET version_num = '0000'");
  EXPECT_EQ(pgbackfill({"plan"}, dsn()), tools::kExitRefused);
  EXPECT_THAT(said_, AllOf(HasSubstr("alembic_version: it holds 0000"), HasSubstr("expects 0001")));
  EXPECT_EQ(pgbackfill({"run"}, dsn()), tools::kExitRefused) << said_;
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
  sql("UPDATE alembic_version SET version_num = '0001'");
  EXPECT_EQ(pgbackfill({"plan"}, dsn()), tools::kExitDone);
  EXPECT_THAT(said_, HasSubstr("stamp revision 00'02 in place of 0001\n"));
  EXPECT_EQ(run_until(spec, planner::Stage::kIndex).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT version_num FROM alembic_version"), "0001");
  EXPECT_EQ(pgbackfill({"verify"}, dsn()), tools::kExitDifferent);
  EXPECT_THAT(said_, HasSubstr("it holds 0001, not 00'02"));
  EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
  EXPECT_EQ(value("SELECT version_num FROM alembic_version"), "00'02");
  EXPECT_EQ(pgbackfill({"verify"}, dsn()), tools::kExitDone) << said_;
  sql("UPDATE alembic_version SET version_num = '0003'");
  EXPECT_EQ(pgbackfill({"rollback", "--yes"}, dsn()), tools::kExitRefused);
  EXPECT_THAT(said_, HasSubstr("it holds 0003; run alembic downgrade 00'02 first"));
  sql("UPDATE alembic_version SET version_num = '00''02'");
  EXPECT_EQ(pgbackfill({"rollback", "--yes"}, dsn()), tools::kExitDone) << said_;
  EXPECT_EQ(value("SELECT version_num FROM alembic_version"), "0001");
}

}  // namespace
}  // namespace pgbackfill::test
