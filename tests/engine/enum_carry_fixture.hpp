#pragma once

#include "engine/sync_point.hpp"
#include "planner/file/migration_file.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "tests/engine/rollback_fixture.hpp"
#include "tests/engine/traffic_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/schema_text.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::test {

/// user becomes worker, foreman is new, and the order is another: no path but the shadows.
inline constexpr std::string_view kWorkers =
    "[[enum]]\ntype = \"user_role\"\nvalues = [\"worker\", \"foreman\", \"manager\", \"admin\"]\n"
    "map = { user = \"worker\" }\n";

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// One of the rows 1 to `rows` that a live writer may change: two of every four, so that there are
/// always others, however long it writes.
inline int changed_row(int step, int rows) {
  const int place = step % (rows / 2);
  return place / 2 * 4 + place % 2 + 1;
}

class EnumCarry : public RollbackTest {
 protected:
  std::filesystem::path enum_file(std::string_view text) {
    return write_file("enum.toml",
                      "version = 1\n[run]\nworkers = 2\nlock_timeout = \"5s\"\n"
                      "user_triggers = \"fire\"\n" +
                          std::string(text));
  }
  planner::JobSpec enum_job(std::string_view text) {
    return planner::read_migration_file(enum_file(text));
  }

  void create_users(int rows) {
    sql("CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
        "CREATE TABLE users (id int PRIMARY KEY, role user_role NOT NULL DEFAULT 'user', team int, "
        "level int NOT NULL DEFAULT 0, email text, previous user_role)");
    sql(
        fmt::format("INSERT INTO users SELECT i, (ARRAY['user', 'admin', 'manager'])[i % 3 + 1]"
                    "::user_role, i % 7, i % 10, 'u' || i, CASE WHEN i % 2 = 0 THEN "
                    "'user'::user_role END FROM generate_series(1, {}) AS i",
                    rows));
  }

  /// What a refused job says.
  std::string refusal(const planner::JobSpec& spec) {
    try {
      run(spec);
    } catch (const engine::Refused& refused) {
      std::string text;
      for (const auto& finding : refused.findings()) {
        if (finding.refuses) text += finding.to_string() + "\n";
      }
      return text;
    }
    return "not refused";
  }

  /// The schema's definition, a line each, in no order, without what separates columns.
  std::vector<std::string> dump() {
    std::vector<std::string> lines;
    std::istringstream text(schema_text(dsn()));
    for (std::string line; std::getline(text, line);) {
      if (line.ends_with(',')) line.pop_back();
      // Labels as pg_dump writes them, whatever their order.
      if (line.starts_with("label ")) line = "    " + line.substr(line.find('\''));
      // In the order of the table's columns.
      lines.push_back(replaced(line, "ON role, team FROM", "ON team, role FROM"));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  /// The same with the labels that kWorkers makes of them.
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

  /// A job that stands right before the swap leaves nothing behind.
  void expect_taken_back_from_index() {
    const auto before = dump();
    const auto file = enum_file(kWorkers).string();
    ASSERT_EQ(pgbackfill({"run", "-c", file, "--until", "index"}).exit_code, 0);
    EXPECT_NE(dump(), before);
    const auto back = pgbackfill({"rollback", "-c", file, "--yes"});
    EXPECT_EQ(back.exit_code, 0) << back.err;
    EXPECT_EQ(dump(), before);
  }

  /// Runs the job from stage index on, until its swap is done and nothing behind it.
  void kill_right_behind_swap(const planner::JobSpec& spec) {
    const auto ahead = count(
        "SELECT count(*) FROM pgbackfill.step WHERE stage = 'finish' AND ordinal <= "
        "(SELECT ordinal FROM pgbackfill.step WHERE step_id = 'finish:user_role:swap')");
    const auto killed = command("run", spec, {}, fmt::format("step-recorded:{}=kill", ahead));
    ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
  }

  ProgramOutcome pgbackfill(std::vector<std::string> arguments,
                            const std::string& sync_point = {}) {
    ProgramOptions options;
    options.timeout = std::chrono::minutes(5);
    if (!sync_point.empty()) options.environment[engine::kSyncPointVariable] = sync_point;
    arguments.insert(arguments.end(), {"--dsn", dsn()});
    return run_program(PGBACKFILL_EXECUTABLE, arguments, options);
  }
};

}  // namespace pgbackfill::test
