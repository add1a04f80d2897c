#include "planner/preflight/user_triggers.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tools/cli.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pgbackfill {
namespace {

using engine::RunOutcome;
using planner::Finding;
using planner::Stage;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Choice = planner::UserTriggers;

/// Bookings whose organization comes from their team, items whose comes from their booking, and
/// notes, which get a constant.
class UserTriggers : public test::JobTest {
 protected:
  void SetUp() override {
    JobTest::SetUp();
    create_organizations();
    write_team_lookup();
    sql("CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer, body text, "
        "last_update integer NOT NULL DEFAULT 0);"
        "INSERT INTO bookings SELECT n, n % 20 + 1, 'text' FROM generate_series(1, 500) AS n;"
        "CREATE TABLE items (item_id integer PRIMARY KEY, booking_id integer NOT NULL);"
        "INSERT INTO items SELECT n, n FROM generate_series(1, 500) AS n;"
        "CREATE TABLE notes (note_id integer PRIMARY KEY);"
        "INSERT INTO notes SELECT n FROM generate_series(1, 500) AS n;"
        "CREATE TABLE calls (by text);"
        "CREATE FUNCTION last_updated() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.last_update := NEW.last_update + 1; RETURN NEW; END $$;"
        "CREATE FUNCTION log_call() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO calls VALUES (TG_NAME); RETURN NULL; END $$");
  }

  planner::JobSpec spec(Choice choice) {
    auto spec = job(std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "items"
value = { parent = "bookings", via = "booking_id" }
[[table]]
name = "notes"
)");
    spec.run.user_triggers = choice;
    return spec;
  }

  void create_last_update() {
    sql("CREATE TRIGGER last_updated BEFORE UPDATE ON bookings FOR EACH ROW "
        "EXECUTE FUNCTION last_updated()");
  }

  std::vector<Finding> findings(const planner::JobSpec& spec, const std::string& role = "") {
    auto connection = connect();
    if (!role.empty()) connection.execute("SET SESSION AUTHORIZATION " + role);
    std::vector<Finding> ours;
    const auto catalog = pgbackfill::sql::read_catalog(connection);
    for (Finding& finding : planner::preflight(spec, catalog, connection)) {
      if (finding.object == "user triggers") ours.push_back(std::move(finding));
    }
    return ours;
  }

  /// The findings of a run that is refused.
  std::vector<Finding> refused(const planner::JobSpec& spec) {
    try {
      run(spec);
    } catch (const engine::Refused& refused) {
      return refused.findings();
    }
    ADD_FAILURE() << "the run was not refused";
    return {};
  }

  std::int64_t touched() { return count("SELECT count(*) FROM bookings WHERE last_update <> 0"); }
  std::int64_t calls() { return count("SELECT count(*) FROM calls"); }
};

TEST_F(UserTriggers, AreRefusedInOneFindingThatSaysWhatCanBeDone) {
  create_last_update();
  sql("CREATE CONSTRAINT TRIGGER audit AFTER UPDATE ON items DEFERRABLE FOR EACH ROW "
      "EXECUTE FUNCTION log_call();"
      "CREATE TRIGGER on_notes AFTER UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION log_call()");
  const auto found = refused(spec(Choice::kRefuse));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].message,
              AllOf(HasSubstr("audit of items"), HasSubstr("last_updated of bookings"),
                    Not(HasSubstr("on_notes"))));
  EXPECT_THAT(found[0].advice, AllOf(HasSubstr("last_updated of bookings may change other columns"),
                                     HasSubstr("audit of items acts once for each row"),
                                     HasSubstr("\"skip\""), HasSubstr("keep \"refuse\"")));
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
  EXPECT_EQ(touched() + calls(), 0);
}

TEST_F(UserTriggers, AreShownByPlanWhichTakesTheFlagToo) {
  create_last_update();
  spec(Choice::kRefuse);
  const std::string file = (write_file("x", "").parent_path() / "job.toml").string();
  const auto plan = [&](const std::string& choice) {
    std::ostringstream out;
    std::ostringstream err;
    const int code =
        tools::run_cli({"plan", "-c", file, "--dsn", dsn(), "--user-triggers", choice}, out, err);
    return std::pair(code, err.str());
  };
  EXPECT_EQ(plan("refuse").first, tools::kExitRefused);
  EXPECT_THAT(plan("refuse").second, HasSubstr("last_updated of bookings"));
  EXPECT_EQ(plan("fire").first, tools::kExitDone);
  EXPECT_THAT(plan("fire").second, HasSubstr("warning: user triggers"));
  EXPECT_EQ(plan("skip").first, tools::kExitDone);
  EXPECT_EQ(plan("sometimes").first, tools::kExitUsage);
}

TEST_F(UserTriggers, OnlyThoseThatAnUpdateOfOurColumnsFiresCount) {
  sql("CREATE TRIGGER a BEFORE INSERT OR DELETE ON bookings FOR EACH ROW "
      "  EXECUTE FUNCTION last_updated();"
      "CREATE TRIGGER b BEFORE UPDATE OF body ON bookings FOR EACH ROW "
      "  EXECUTE FUNCTION last_updated();"
      "CREATE TRIGGER c AFTER UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION log_call();"
      "ALTER TABLE bookings DISABLE TRIGGER c;"
      "CREATE TRIGGER d AFTER UPDATE ON bookings FOR EACH ROW EXECUTE FUNCTION log_call();"
      "ALTER TABLE bookings ENABLE REPLICA TRIGGER d;"
      "CREATE TRIGGER e AFTER UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION log_call()");
  EXPECT_THAT(findings(spec(Choice::kRefuse)), IsEmpty());
  sql("ALTER TABLE bookings ADD COLUMN org_id uuid;"
      "CREATE TRIGGER f AFTER UPDATE OF org_id ON bookings FOR EACH ROW WHEN (false) "
      "EXECUTE FUNCTION log_call()");
  const auto found = findings(spec(Choice::kRefuse));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].message, HasSubstr(": f of bookings"));
}

TEST_F(UserTriggers, AreFoundOnceWhereAPartitionedTableHasThem) {
  sql("DROP TABLE bookings;"
      "CREATE TABLE bookings (booking_id integer, team_id integer, last_update integer) "
      "  PARTITION BY RANGE (booking_id);"
      "CREATE TABLE b1 PARTITION OF bookings FOR VALUES FROM (0) TO (100);"
      "CREATE TABLE b2 PARTITION OF bookings FOR VALUES FROM (100) TO (200);"
      "CREATE TRIGGER own AFTER UPDATE ON b2 FOR EACH ROW EXECUTE FUNCTION log_call();"
      "CREATE TRIGGER batch AFTER UPDATE ON b2 EXECUTE FUNCTION log_call()");
  create_last_update();
  const auto found = findings(spec(Choice::kRefuse));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found[0].refuses);
  EXPECT_THAT(found[0].message, HasSubstr(": own of b2; last_updated of bookings"));
  EXPECT_FALSE(found[1].refuses);
  EXPECT_THAT(found[1].message, HasSubstr("once for every batch: batch of b2"));
}

TEST_F(UserTriggers, FireForEveryRowWhereTheFileSaysSo) {
  create_last_update();
  EXPECT_EQ(run(spec(Choice::kFire)).outcome, RunOutcome::kDone);
  EXPECT_EQ(touched(), 500);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_TRUE(logged("they run as pgbackfill writes: last_updated of bookings"));
}

/// Every way in which rows are written: batches, sweeps of rows that came behind a batch, and the
/// comparison with the source.
TEST_F(UserTriggers, DoNotFireForOurRowsWhereTheyAreSkipped) {
  create_last_update();
  sql("CREATE TRIGGER audit AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION log_call()");
  const auto job = spec(Choice::kSkip);
  ASSERT_EQ(run_until(job, Stage::kBackfill).outcome, RunOutcome::kDone);
  // Rows that came behind the first pass, and one that has another value than its source.
  sql("SET session_replication_role = replica;"
      "INSERT INTO bookings (booking_id, team_id) SELECT n, 3 FROM generate_series(1001, 1010) AS "
      "n;"
      "UPDATE bookings SET team_id = 9 WHERE booking_id = 7;"
      "SET session_replication_role = origin;"
      "UPDATE pgbackfill.step SET state = 'pending' WHERE step_id = 'backfill:bookings'");
  ASSERT_EQ(run_until(job, Stage::kBackfill).outcome, RunOutcome::kDone);
  EXPECT_EQ(count("SELECT sum(rows) FROM pgbackfill.range WHERE round > 0"), 10);
  EXPECT_EQ(run(job).outcome, RunOutcome::kDone);
  EXPECT_EQ(touched() + calls(), 0);
  EXPECT_EQ(wrong_rows(), 0);
  EXPECT_EQ(count("SELECT sum(rows) FROM pgbackfill.step"), 2) << "booking 7 and its item";
  sql("UPDATE bookings SET body = 'new' WHERE booking_id = 1");
  EXPECT_EQ(touched(), 1) << "those of the application's own changes do fire";
}

TEST_F(UserTriggers, AreSkippedByTheUpdateMethodToo) {
  create_last_update();
  auto job = spec(Choice::kSkip);
  job.run.method = planner::MethodChoice::kUpdate;
  EXPECT_EQ(run(job).outcome, RunOutcome::kDone);
  EXPECT_EQ(touched(), 0);
  EXPECT_EQ(wrong_rows(), 0);
}

TEST_F(UserTriggers, CannotAllBeSkipped) {
  create_last_update();
  sql("ALTER TABLE bookings ENABLE ALWAYS TRIGGER last_updated;"
      "CREATE TRIGGER copies AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION log_call();"
      "ALTER TABLE items ENABLE REPLICA TRIGGER copies");
  const auto found = findings(spec(Choice::kSkip));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].refuses);
  EXPECT_THAT(found[0].message, HasSubstr("last_updated of bookings; copies of items"));
}

TEST_F(UserTriggers, SkippingMustNotLeaveAForeignKeyUnchecked) {
  sql("ALTER TABLE bookings ADD COLUMN org_id uuid CONSTRAINT fk_org REFERENCES organizations");
  EXPECT_THAT(findings(spec(Choice::kRefuse)), IsEmpty());
  const auto found = findings(spec(Choice::kSkip));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].refuses);
  EXPECT_THAT(found[0].message, HasSubstr("fk_org of bookings"));
}

TEST_F(UserTriggers, AreLookedForAgainWhenAJobGoesOn) {
  ASSERT_EQ(run_until(spec(Choice::kRefuse), Stage::kExpand).outcome, RunOutcome::kDone);
  create_last_update();
  const auto found = refused(spec(Choice::kRefuse));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].message, HasSubstr("last_updated of bookings"));
  EXPECT_EQ(ledger_rows("backfill:bookings"), 0);
  // The key may differ from run to run.
  ASSERT_EQ(run_until(spec(Choice::kSkip), Stage::kBackfill).outcome, RunOutcome::kDone);
  refused(spec(Choice::kRefuse));  // rows are compared with their source yet
  ASSERT_EQ(run_until(spec(Choice::kSkip), Stage::kEnforce).outcome, RunOutcome::kDone);
  EXPECT_EQ(run(spec(Choice::kRefuse)).outcome, RunOutcome::kDone) << "no row is written any more";
  EXPECT_EQ(touched(), 0);
}

TEST_F(UserTriggers, ARoleThatMayNotSkipThemIsTold) {
  sql("DROP ROLE IF EXISTS user_triggers_owner; CREATE ROLE user_triggers_owner LOGIN;"
      "GRANT CREATE, TEMPORARY ON DATABASE " +
      pgbackfill::sql::quote_identifier(database()) +
      " TO user_triggers_owner; GRANT ALL ON SCHEMA public TO user_triggers_owner;"
      "ALTER TABLE bookings OWNER TO user_triggers_owner;"
      "ALTER TABLE items OWNER TO user_triggers_owner;"
      "ALTER TABLE notes OWNER TO user_triggers_owner;"
      "GRANT SELECT, REFERENCES ON organizations TO user_triggers_owner");
  create_last_update();
  auto found = findings(spec(Choice::kSkip), "user_triggers_owner");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].refuses);
  EXPECT_THAT(found[0].message,
              HasSubstr("role user_triggers_owner may not set session_replication_role"));
  found = findings(spec(Choice::kRefuse), "user_triggers_owner");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].advice, HasSubstr("role user_triggers_owner may not set it"));
  if (session().server_version() >= 150000) {
    ASSERT_EQ(found[0].statements.size(), 1U);
    sql(found[0].statements[0]);
    found = findings(spec(Choice::kSkip), "user_triggers_owner");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0].refuses) << found[0].to_string();
    auto own = options(spec(Choice::kSkip));
    own.dsn = dsn("user_triggers_owner");
    engine::run_job(spec(Choice::kSkip), own, board_, stop_, {[](auto, auto) {}});
    EXPECT_EQ(touched(), 0);
    EXPECT_EQ(wrong_rows(), 0);
  }
  sql("DROP OWNED BY user_triggers_owner; DROP ROLE user_triggers_owner");
}

}  // namespace
}  // namespace pgbackfill
