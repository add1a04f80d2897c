#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/scratch_directory.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pgbackfill::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kEnvironment = R"py(import os
import sqlalchemy
from alembic import context
from models import metadata

with sqlalchemy.create_engine(os.environ["APP_DB"]).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
)py";

constexpr std::string_view kTemplate = R"mako(revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

from alembic import op
import sqlalchemy as sa


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
)mako";

constexpr std::string_view kRevision = R"py(revision = "0001"
down_revision = None

from alembic import op


def upgrade():
    op.execute("""
CREATE TABLE organizations (org_id uuid PRIMARY KEY);
INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001');
CREATE TYPE user_role AS ENUM ('worker', 'admin');
CREATE TABLE users (user_id integer PRIMARY KEY, role user_role NOT NULL,
  org_id uuid NOT NULL CONSTRAINT fk_users_org_id_organizations REFERENCES organizations);
CREATE INDEX ix_users_org_id ON users (org_id);
""")
)py";

constexpr std::string_view kModels = R"py(import enum
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

metadata = sa.MetaData()


class Role(enum.Enum):
    WORKER = "worker"
    ADMIN = "admin"


role_type = sa.Enum("worker", "admin", name="user_role")
sa.Table("organizations", metadata, sa.Column("org_id", UUID, primary_key=True))
users = sa.Table("users", metadata,
    sa.Column("user_id", sa.Integer, primary_key=True),
    sa.Column("role", role_type, nullable=False),
    sa.Column("org_id", UUID,
        sa.ForeignKey("organizations.org_id", name="fk_users_org_id_organizations"),
        nullable=False, index=True))
)py";

constexpr std::string_view kJob = R"toml(version = 1
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }
[[table]]
name = "users"
)toml";

class CleanDb : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    fs::create_directories(project_.path() / "migrations/versions");
    project_.write("alembic.ini",
                   "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n");
    project_.write("migrations/env.py", kEnvironment);
    project_.write("migrations/script.py.mako", kTemplate);
    project_.write("migrations/versions/0001.py", kRevision);
    project_.write("models.py", kModels);
    project_.write("job.toml", kJob);
  }

  /// The script on the database of the test, with these options besides.
  ProgramOutcome check(const std::vector<std::string>& more) {
    const std::string url = fmt::format("postgresql:///{}?host={}&port=5432&user=postgres",
                                        database(), value("SHOW unix_socket_directories"));
    std::vector<std::string> arguments{PGBACKFILL_SOURCE_DIR
                                       "/tools/ci/migrations_apply_on_clean_db.sh",
                                       "--url",
                                       url,
                                       "--url-variable",
                                       "APP_DB",
                                       "--project",
                                       project_.path().string(),
                                       "--pgbackfill",
                                       PGBACKFILL_EXECUTABLE,
                                       "--metadata",
                                       "models:metadata"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ProgramOptions options;
    options.timeout = std::chrono::minutes(5);
    return run_program("bash", arguments, options);
  }

  /// Only one revision is left, whatever Alembic has tried.
  void expect_no_new_revision() {
    for (const auto& entry : fs::directory_iterator(project_.path() / "migrations/versions")) {
      EXPECT_EQ(entry.path().filename(), "0001.py");
    }
  }

  ScratchDirectory project_;
};

TEST_F(CleanDb, HoldsWhereModelsLabelsAndFileFit) {
  const ProgramOutcome outcome = check(
      {"--enum", "user_role=models:Role", "--enum", "user_role=models:role_type", "--migration",
       (project_.path() / "job.toml").string(), "--smoke", "test -n \"$APP_DB\""});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("all hold"), Not(HasSubstr("skipped"))));
  expect_no_new_revision();
  // Once more on what is not empty any more.
  const ProgramOutcome again = check({});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.out, HasSubstr("there is alembic_version already"));
}

TEST_F(CleanDb, FailsWhereAutogenerateFindsADifference) {
  project_.write("models.py",
                 std::string(kModels) + "users.append_column(sa.Column(\"email\", sa.Text))\n");
  const ProgramOutcome outcome = check({});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("op.add_column('users'"),
                                 HasSubstr("users: column users.email does not exist"),
                                 HasSubstr("failed: models against the database\n"),
                                 HasSubstr("failed: autogenerate finds no difference\n")));
  expect_no_new_revision();
}

TEST_F(CleanDb, FailsWhereLabelsSmokeTestOrFileDoNotFit) {
  project_.write("labels.py", "ROLES = ['worker', 'foreman']\n");
  project_.write("job.toml", std::string(kJob) + "[[table]]\nname = \"organizations\"\n");
  const ProgramOutcome outcome =
      check({"--enum", "user_role=labels:ROLES", "--enum", "no_role=labels:ROLES", "--smoke",
             "false", "--migration", (project_.path() / "job.toml").string()});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
  EXPECT_THAT(
      outcome.out,
      AllOf(HasSubstr("user_role: the code has 'foreman', the database does not"),
            HasSubstr("user_role: the database has 'admin', the code does not"),
            HasSubstr("no_role: the database has no such enum"),
            HasSubstr("failed: labels of user_role\n"), HasSubstr("failed: pgbackfill verify\n"),
            HasSubstr("failed: smoke test\n"), Not(HasSubstr("failed: autogenerate"))));
}

TEST_F(CleanDb, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(check({"--metdata", "x"}).exit_code, 2);
  EXPECT_EQ(check({"--enum"}).exit_code, 2);
}

}  // namespace
}  // namespace pgbackfill::test
