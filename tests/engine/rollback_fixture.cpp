#include "tests/engine/rollback_fixture.hpp"

#include "tests/support/schema_text.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <sstream>

namespace pgbackfill::test {

engine::RollbackReport RollbackTest::roll_back(const planner::JobSpec& spec,
                                               std::optional<planner::Stage> to, bool yes) {
  engine::RollbackOptions rollback;
  rollback.engine = options(spec);
  rollback.to = to;
  rollback.confirm = [this, yes](const std::vector<std::string>& losses) {
    losses_ = losses;
    return yes;
  };
  return engine::rollback_job(spec, rollback, stop_,
                              [this](engine::LogLevel, std::string_view line) {
                                const engine::MutexLock lock(rollback_log_mutex_);
                                rollback_log_ += std::string(line) + "\n";
                              });
}

ProgramOutcome RollbackTest::command(const std::string& name, const planner::JobSpec& spec,
                                     const std::vector<std::string>& more,
                                     const std::string& sync_point) {
  ProgramOptions program;
  if (!sync_point.empty()) program.environment[engine::kSyncPointVariable] = sync_point;
  std::vector<std::string> arguments{name, "-c", spec.file, "--dsn", dsn()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const auto outcome = run_program(PGBACKFILL_EXECUTABLE, arguments, program);
  // A killed client's backends may still be finishing their statement.
  while (value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgbackfill%' "
               "AND datname = current_database()") != "0") {
    boost::this_thread::sleep_for(boost::chrono::milliseconds(2));
  }
  return outcome;
}

std::string RollbackTest::dump() {
  std::multiset<std::string> lines;
  std::istringstream stream(dump_as_written());
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with(',')) line.pop_back();
    // What the swap copied to a new column stays with it when that is taken back, and what is said
    // of an index that was built for the way back is said when it gets its name.
    if (line.find("pgbackfill_") != std::string::npos &&
        (line.starts_with("GRANT ") || line.starts_with("COMMENT ON "))) {
      continue;
    }
    // The same where the catalogs are read instead.
    if (line.starts_with("comment ") && line.find("pgbackfill_") != std::string::npos) continue;
    if (line.starts_with("column ") && line.find("pgbackfill_new_") != std::string::npos) {
      line.erase(line.find(" acl "));
    }
    lines.insert(line);
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string RollbackTest::dump_as_written() { return schema_text(dsn(), true); }

std::string RollbackTest::checksums() {
  const auto tables =
      sql("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = "
          "'public'::regnamespace ORDER BY 1");
  std::string sums;
  for (int row = 0; row < tables.rows(); ++row) {
    sums +=
        value(fmt::format("SELECT '{0} ' || count(*) || ' ' || "
                          "sum(('x' || substr(md5(to_jsonb(t)::text), 1, 12))::bit(48)::bigint) "
                          "FROM {0} AS t",
                          tables.text(row, 0))) +
        "\n";
  }
  return sums;
}

void RollbackTest::remember() {
  schema_ = dump();
  data_ = checksums();
}

void RollbackTest::expect_as_before() {
  EXPECT_EQ(dump(), schema_);
  EXPECT_EQ(checksums(), data_);
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
}

}  // namespace pgbackfill::test
