#include "tools/report.hpp"

#include "tools/stage_times.hpp"
#include "tools/verify_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sstream>
#include <string>
#include <vector>

namespace pgbackfill::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

engine::StepRecord step(const std::string& stage, const std::string& id, const std::string& state,
                        const std::string& started, double seconds) {
  engine::StepRecord record;
  record.step_id = id;
  record.stage = stage;
  record.table = "bookings";
  record.title = "title of " + id;
  record.state = state;
  record.started = started;
  record.seconds = seconds;
  return record;
}

JobState job_state() {
  JobState state;
  state.job.job_id = 3;
  state.job.state = "running";
  state.job.fingerprint = "00ff";
  state.job.created = "2026-01-02 03:04:05+00";
  state.steps = {step("expand", "e1", "done", "2026-01-02 03:04:05+00", 0.5),
                 step("backfill", "b1", "done", "2026-01-02 03:05:00+00", 10),
                 step("backfill", "b2", "failed", "2026-01-02 03:05:05+00", 10),
                 step("index", "i1", "pending", "", 0)};
  state.steps[2].error = "disk full";
  engine::BackfillRecord done;
  done.step_id = "b1";
  done.table = "bookings";
  done.method = "copy";
  done.estimated_rows = 900'000;
  done.rows = 1'000'000;
  done.batches = 400;
  done.ranges = 12;
  done.ranges_done = 12;
  done.rounds = 2;
  done.hot = 910'000;
  done.wal_bytes = 882'000'000;
  done.before = {326'000'000, 400'000'000};
  done.after = {355'340'000, 404'000'000};
  engine::BackfillRecord half = done;
  half.step_id = "b2";
  half.table = "leads";
  half.estimated_rows = 4000;
  half.rows = 1000;
  half.quarantined = 7;
  half.hot.reset();
  half.wal_bytes = 0;
  half.before.reset();
  half.after.reset();
  state.backfills = {done, half};
  state.stage_wal = {{"backfill", 990'000'000}};
  state.events = {{"2026-01-02 03:06:00+00", "error", "it failed"}};
  return state;
}

TEST(TimestampTest, ReadsWhatTheServerPrints) {
  EXPECT_EQ(parse_timestamp("1970-01-02 00:00:01+00"), 86401.0);
  EXPECT_EQ(parse_timestamp("1970-01-01 01:00:00.25+01"), 0.25);
  EXPECT_EQ(parse_timestamp("1970-01-01 00:00:00-03:30"), 12600.0);
  EXPECT_EQ(parse_timestamp("2024-02-29 12:00:00+00"), 1709208000.0);
  EXPECT_EQ(parse_timestamp(""), std::nullopt);
  EXPECT_EQ(parse_timestamp("2023-02-29 12:00:00+00"), std::nullopt);
  EXPECT_EQ(parse_timestamp("Fri 02 Jan 2026"), std::nullopt);
  EXPECT_EQ(parse_timestamp("2024-02-29 12:00:00"), std::nullopt);
}

TEST(StageSummaryTest, CountsOverlappingStepsOnce) {
  const auto stages = summarise_stages(job_state().steps);
  ASSERT_EQ(stages.size(), 3U);
  EXPECT_EQ(stages[1].stage, planner::Stage::kBackfill);
  EXPECT_DOUBLE_EQ(stages[1].seconds, 15);
  EXPECT_EQ(stages[1].state(), "failed");
  EXPECT_EQ(stages[0].state(), "done");
  EXPECT_EQ(stages[2].state(), "pending");
}

TEST(StageSummaryTest, LeavesPausesBetweenRunsOut) {
  const auto stages = summarise_stages({step("expand", "a", "done", "2026-01-02 03:00:00+00", 1),
                                        step("expand", "b", "done", "2026-01-02 04:00:00+00", 2)});
  EXPECT_DOUBLE_EQ(stages.at(0).seconds, 3);
}

TEST(StatusTest, SaysThatThereIsNoJob) {
  EXPECT_THAT(status_text(std::nullopt), HasSubstr("no job"));
  const auto document = nlohmann::json::parse(status_json(std::nullopt));
  EXPECT_EQ(document["ledger"], false);
  EXPECT_TRUE(document["job"].is_null());
  EXPECT_TRUE(document["stages"].empty());
}

TEST(StatusTest, TextShowsStagesTablesFailuresAndEvents) {
  const std::string text = status_text(job_state());
  EXPECT_THAT(text, HasSubstr("job 3: not finished"));
  EXPECT_THAT(text, HasSubstr("\n  backfill  failed     1/2  15.0 s  990.0 MB\n"));
  EXPECT_THAT(text, HasSubstr("1,000,000"));
  EXPECT_THAT(text, HasSubstr(" 25.0%"));
  EXPECT_THAT(text, HasSubstr("100.0%"));
  EXPECT_THAT(text, HasSubstr("failed: bookings: title of b2: disk full"));
  EXPECT_THAT(text, HasSubstr("error: it failed"));
}

TEST(StatusTest, JsonKeepsItsKeys) {
  const auto document = nlohmann::json::parse(status_json(job_state()));
  EXPECT_EQ(document["job"]["id"], 3);
  EXPECT_EQ(document["job"]["state"], "running");
  EXPECT_TRUE(document["job"]["finished"].is_null());
  EXPECT_EQ(document["stages"][1]["stage"], "backfill");
  EXPECT_EQ(document["stages"][1]["seconds"], 15.0);
  EXPECT_EQ(document["tables"][1]["table"], "leads");
  EXPECT_EQ(document["tables"][1]["percent"], 25.0);
  EXPECT_EQ(document["tables"][1]["quarantined"], 7);
  EXPECT_EQ(document["stages"][1]["wal_bytes"], 990'000'000);
  EXPECT_EQ(document["tables"][0]["hot_rows"], 910'000);
  EXPECT_EQ(document["tables"][0]["wal_bytes"], 882'000'000);
  EXPECT_EQ(document["tables"][0]["heap_bytes"]["after"], 355'340'000);
  EXPECT_EQ(document["tables"][0]["index_bytes"]["before"], 400'000'000);
  EXPECT_TRUE(document["tables"][1]["hot_rows"].is_null());
  EXPECT_TRUE(document["tables"][1]["heap_bytes"]["before"].is_null());
  EXPECT_EQ(document["failures"][0]["error"], "disk full");
  EXPECT_EQ(document["events"][0]["level"], "error");
}

TEST(StatusTest, NamesWhatHoldsTheHorizonBack) {
  JobState state = job_state();
  EXPECT_THAT(status_text(state), Not(HasSubstr("keeps old row versions")));
  EXPECT_TRUE(nlohmann::json::parse(status_json(state))["horizon_holders"].empty());
  engine::HorizonHolder holder{engine::HolderKind::kSession, 4711, "psql", "app", "",
                               "idle in transaction",        "99", 30211,  125.4};
  state.horizon_holders.assign(5, holder);
  state.horizon_holders[1] = {
      engine::HolderKind::kReplicationSlot, 0, "standby_1", "", "", "inactive", "100", 7, {}};
  EXPECT_THAT(status_text(state),
              HasSubstr("\nkeeps old row versions from being removed\n"
                        "  session 4711 (psql, user app, idle in transaction) since 125 s, "
                        "30211 transactions back\n"
                        "  replication slot standby_1 (inactive), 7 transactions back\n"));
  EXPECT_THAT(status_text(state), HasSubstr("\n  and 2 more\n"));
  const auto list = nlohmann::json::parse(status_json(state))["horizon_holders"];
  ASSERT_EQ(list.size(), 5U);
  EXPECT_EQ(list[0]["kind"], "session");
  EXPECT_EQ(list[0]["pid"], 4711);
  EXPECT_EQ(list[0]["name"], "psql");
  EXPECT_EQ(list[0]["user"], "app");
  EXPECT_TRUE(list[0]["database"].is_null());
  EXPECT_EQ(list[0]["state"], "idle in transaction");
  EXPECT_EQ(list[0]["xmin"], "99");
  EXPECT_EQ(list[0]["age"], 30211);
  EXPECT_EQ(list[0]["seconds"], 125.4);
  EXPECT_EQ(list[1]["kind"], "replication slot");
  EXPECT_TRUE(list[1]["pid"].is_null());
  EXPECT_TRUE(list[1]["seconds"].is_null());
}

TEST(StatusTest, NamesTheProcessesAtWork) {
  JobState state = job_state();
  EXPECT_THAT(status_text(state), Not(HasSubstr("processes")));
  EXPECT_THAT(status_text(state),
              HasSubstr("nobody works on it; the same pgbackfill run goes on from here\n"));
  const std::string started = "2026-01-02 03:04:05+00";
  state.processes = {{1, "coordinator", "alpha", 11, started, "gone", false, 90, 0},
                     {2, "coordinator", "alpha", 12, started, "active", true, 1.2, 1},
                     {3, "helper", "beta", 13, started, "gone", true, 40, 2}};
  EXPECT_THAT(status_text(state),
              HasSubstr("\nprocesses\n"
                        "  coordinator on alpha (pid 12): last heartbeat 1 s ago, holds 1 range\n"
                        "  helper on beta (pid 13): gone, last heartbeat 40 s ago, holds 2 "
                        "ranges\n"));
  EXPECT_THAT(status_text(state), Not(HasSubstr("nobody works on it")));
  const auto document = nlohmann::json::parse(status_json(state));
  ASSERT_EQ(document["processes"].size(), 3U);
  EXPECT_EQ(document["processes"][2], nlohmann::json({{"id", 3},
                                                      {"role", "helper"},
                                                      {"host", "beta"},
                                                      {"pid", 13},
                                                      {"state", "gone"},
                                                      {"started", started},
                                                      {"heartbeat_seconds_ago", 40.0},
                                                      {"ranges", 2}}));
}

TEST(StatusTest, JsonOnOneLineForWatching) {
  const std::string text = status_json(job_state(), -1);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(RunSummaryTest, ShowsTablesStagesAndTotals) {
  engine::RunReport report;
  report.rows = 1000;
  report.seconds = 12.5;
  const std::string text = run_summary(job_state(), report);
  EXPECT_THAT(text,
              HasSubstr("job 3: 1,001,000 rows in 800 batches, HOT 90.9%, WAL 882.0 MB, 1,000 "
                        "of them in this run; this run took 12.5 s"));
  EXPECT_THAT(text, HasSubstr("91.0%  882.0 MB  x1.09    x1.01  10.0 s\n"));
  EXPECT_THAT(text, HasSubstr("7 rows were quarantined"));
  EXPECT_THAT(text, HasSubstr("leads"));
}

TEST(RunSummaryTest, FitsEightyColumnsAndFoldsWhatTheCatalogDoes) {
  JobState state = job_state();
  state.backfills[0].table = "a_schema_with_a_name.a_table_with_a_name_of_sixty_three_bytes_in_all";
  state.backfills[0].wal_bytes = 123'456'789'012;
  state.backfills[0].rows = 9'123'456'789;
  for (int i = 0; i < 12; ++i) {
    engine::BackfillRecord catalog;
    catalog.step_id = "c" + std::to_string(i);
    catalog.table = "small_" + std::to_string(i);
    catalog.method = "catalog";
    state.steps.push_back(step("backfill", catalog.step_id, i < 2 ? "done" : "pending", "", 0));
    state.backfills.push_back(catalog);
  }
  for (const std::string& text : {run_summary(state, {}), status_text(state)}) {
    EXPECT_THAT(text, HasSubstr("  by the catalog alone, done: small_0, small_1\n"));
    EXPECT_THAT(text, HasSubstr("  by the catalog alone, to do: 10 tables\n"));
    EXPECT_THAT(text, HasSubstr("\n  a_schema_wi"));
    EXPECT_THAT(text, Not(HasSubstr("  small_2")));
    const std::string tables = text.substr(0, text.find("by the catalog"));
    std::istringstream lines(tables.substr(tables.find("  table")));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }
  EXPECT_THAT(status_text(state), HasSubstr("leads: 7 rows quarantined"));
}

TEST(RunSummaryTest, SaysWhatTheComparisonsMended) {
  JobState state = job_state();
  EXPECT_THAT(run_summary(state, {}), Not(HasSubstr("another value than their source")));
  state.steps.push_back(step("enforce", "enforce:runs:reconcile", "done", "", 0));
  state.steps.back().table = "runs";
  state.steps.back().rows = 1200;
  EXPECT_THAT(run_summary(state, {}),
              HasSubstr("1,200 rows had another value than their source when compared and got it: "
                        "runs 1,200\n"));
  const auto document = nlohmann::json::parse(status_json(state));
  ASSERT_EQ(document["reconciled"].size(), 1U);
  EXPECT_EQ(document["reconciled"][0]["rows"], 1200);
  EXPECT_EQ(document["reconciled"][0]["table"], "runs");
}

engine::VerifyReport verify_report() {
  engine::VerifyReport report;
  report.checks = {{"bookings", "table", true, ""},
                   {"bookings.org_id", "no-null", false, "3 of 10 rows are \"NULL\" <now>"},
                   {"bookings.ix", "index", true, ""},
                   {"app.leads", "table", true, ""},
                   {"app.leads.org_id", "no-null", true, ""},
                   {"user_role", "labels", true, ""}};
  engine::VerifyReport::TableCounts counts{"bookings", {}, 2100};
  for (int i = 0; i < 7; ++i) counts.organizations.emplace_back("org" + std::to_string(i), 300 - i);
  report.counts = {counts};
  return report;
}

TEST(VerifyReportTest, TextHasFailuresInFullAndSumsUpTheRest) {
  EXPECT_EQ(verify_text(verify_report()),
            "FAILED bookings.org_id no-null: 3 of 10 rows are \"NULL\" <now>\n"
            "ok bookings: 2 checks\n"
            "ok app.leads: 2 checks\n"
            "ok user_role: 1 check\n"
            "\n"
            "rows per organization\n"
            "  bookings: 2,100 rows; org0 300, org1 299, org2 298, org3 297, org4 296, 2 more "
            "organizations\n"
            "\n"
            "verify: 1 of 6 checks failed\n");
  engine::VerifyReport good = verify_report();
  good.checks[1].passed = true;
  EXPECT_THAT(verify_text(good), HasSubstr("verify: all 6 checks passed\n"));
  EXPECT_THAT(verify_text(good), Not(HasSubstr("FAILED")));
}

TEST(VerifyReportTest, JsonKeepsItsKeys) {
  const auto document = nlohmann::json::parse(verify_json(verify_report()));
  EXPECT_EQ(document["passed"], false);
  EXPECT_EQ(document["checks"][1]["object"], "bookings.org_id");
  EXPECT_EQ(document["checks"][1]["name"], "no-null");
  EXPECT_EQ(document["checks"][1]["passed"], false);
  EXPECT_EQ(document["counts"][0]["total"], 2100);
  EXPECT_EQ(document["counts"][0]["organizations"][6]["organization"], "org6");
  EXPECT_EQ(document["counts"][0]["organizations"][6]["rows"], 294);
}

TEST(VerifyReportTest, JunitHasACasePerCheckAndEscapes) {
  const std::string text = verify_junit(verify_report());
  EXPECT_THAT(text, HasSubstr("tests=\"6\" failures=\"1\""));
  EXPECT_THAT(text, HasSubstr("<testcase classname=\"bookings.org_id\" name=\"no-null\"><failure "
                              "message=\"3 of 10 rows are &quot;NULL&quot; &lt;now&gt;\"/>"));
  EXPECT_THAT(text, HasSubstr("<testcase classname=\"user_role\" name=\"labels\"/>"));
}

}  // namespace
}  // namespace pgbackfill::tools
