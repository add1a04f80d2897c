#include "tests/engine/job_fixture.hpp"

#include "planner/file/migration_file.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace pgbackfill::test {

void JobTest::SetUp() {
  PgTest::SetUp();
  std::string pattern = (std::filesystem::temp_directory_path() / "pgbackfill-job-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  directory_ = pattern;
}

void JobTest::TearDown() {
  std::filesystem::remove_all(directory_);
  PgTest::TearDown();
}

void JobTest::create_organizations() {
  sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL);"
      "INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001', 'Default');"
      "INSERT INTO organizations SELECT ('00000000-0000-0000-0000-' || lpad((100 + n)::text, 12, "
      "'0'))::uuid, 'Organization ' || n FROM generate_series(1, 5) AS n");
}

std::filesystem::path JobTest::write_file(std::string_view name, std::string_view text) {
  const auto path = directory_ / name;
  std::ofstream(path) << text;
  return path;
}

planner::JobSpec JobTest::job(std::string_view text) {
  const auto path = write_file("job.toml", fmt::format(R"toml(version = 1
[run]
workers = 2
lock_timeout = "500ms"
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
value = {{ constant = "{}" }}
foreign_key = "fk_{{table}}_org_id_organizations"
index = "ix_{{table}}_org_id"
{})toml",
                                                       kDefaultOrg, text));
  return planner::read_migration_file(path);
}

engine::EngineOptions JobTest::options(const planner::JobSpec& spec) const {
  engine::EngineOptions options;
  options.dsn = dsn();
  options.run = spec.run;
  return options;
}

engine::RunReport JobTest::run(const planner::JobSpec& spec) {
  return run_until(spec, planner::Stage::kFinish);
}

engine::RunReport JobTest::run_until(const planner::JobSpec& spec, planner::Stage stage) {
  engine::EngineOptions engine_options = options(spec);
  engine_options.until = stage;
  return engine::run_job(spec, engine_options, board_, stop_,
                         [this](engine::LogLevel, std::string_view line) {
                           const engine::MutexLock lock(log_mutex_);
                           log_.emplace_back(line);
                         });
}

std::vector<std::string> JobTest::refusal(const planner::JobSpec& spec) {
  std::vector<std::string> findings;
  try {
    run(spec);
  } catch (const engine::Refused& error) {
    for (const auto& finding : error.findings()) {
      if (finding.refuses) findings.push_back(finding.to_string());
    }
  }
  EXPECT_EQ(count("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgbackfill'"), 0)
      << "nothing may have been touched";
  return findings;
}

bool JobTest::logged(std::string_view text) const {
  const engine::MutexLock lock(log_mutex_);
  return std::any_of(log_.begin(), log_.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

void JobTest::wait_for_log(std::string_view text) const {
  while (!logged(text)) boost::this_thread::sleep_for(boost::chrono::milliseconds(2));
}

void JobTest::write_team_lookup() {
  std::string csv = "team_id,org_id\n";
  for (int team = 1; team <= 20; ++team) {
    csv += fmt::format("{},00000000-0000-0000-0000-000000000{}\n", team, 101 + team % 5);
  }
  write_file("team_orgs.csv", csv);
}

std::string JobTest::team_org(std::string_view team) {
  return fmt::format("('00000000-0000-0000-0000-' || lpad((101 + {} % 5)::text, 12, '0'))::uuid",
                     team);
}

std::int64_t JobTest::wrong_rows() {
  return count("SELECT count(*) FROM bookings WHERE org_id IS DISTINCT FROM " +
               team_org("team_id"));
}

std::int64_t JobTest::count(std::string_view query) { return sql(query).integer(0, 0); }

std::int64_t JobTest::ledger_rows(std::string_view step_id) {
  return count(fmt::format(
      "SELECT coalesce(sum(rows), 0) FROM pgbackfill.range WHERE step_id = '{}'", step_id));
}

}  // namespace pgbackfill::test
