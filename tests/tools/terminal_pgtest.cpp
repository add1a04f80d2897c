#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/scratch_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <regex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace pgbackfill::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kMoved = "\033[J";  // the block is drawn anew from its first line on

std::size_t draws(const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(kMoved); at != std::string::npos;
       at = text.find(kMoved, at + 1)) {
    ++count;
  }
  return count;
}

/// The widest line, in characters, of what was written after `from` bytes.
std::size_t width_after(const std::string& text, std::size_t from) {
  const std::string plain =
      std::regex_replace(text.substr(from), std::regex("\033\\[[0-9;?]*[A-Za-z]|\r"), "");
  std::size_t widest = 0;
  std::size_t width = 0;
  for (const char c : plain) {
    // The bytes of a character after its first.
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U) continue;
    width = c == '\n' ? 0 : width + 1;
    widest = std::max(widest, width);
  }
  return widest;
}

/// The program as somebody sees it who sits at a terminal.
class Terminal : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL);"
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, state text);"
        "INSERT INTO bookings SELECT g, 'open' FROM generate_series(1, 2000) AS g;"
        "CREATE TABLE busy (n integer)");
    directory_.write("job.toml", R"toml(version = 1
[run]
method = "copy"
throttle_query = "SELECT count(*) FROM busy"
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000001", name = "Default" }
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
value = { constant = "00000000-0000-0000-0000-000000000001" }
[[table]]
name = "bookings"
)toml");
  }

  std::string file() const { return (directory_.path() / "job.toml").string(); }

  RunningProgram begin(const std::string& command, TerminalSize size) {
    ProgramOptions options;
    options.terminal = size;
    options.environment = {{"TERM", "xterm"}, {"NO_COLOR", std::nullopt}};
    return {PGBACKFILL_EXECUTABLE, {command, "-c", file(), "--dsn", dsn()}, options};
  }

  template <typename Holds>
  static void wait_for(RunningProgram& program, Holds holds) {
    while (!holds(program.out())) {
      ASSERT_TRUE(program.running()) << program.out();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  static void wait_for_text(RunningProgram& program, const std::string& text) {
    wait_for(program, [&](const std::string& out) { return out.find(text) != std::string::npos; });
  }

  ScratchDirectory directory_;
};

TEST_F(Terminal, TheViewOfARunFitsTheWindowAndFollowsItsSize) {
  sql("INSERT INTO busy VALUES (1)");
  RunningProgram run = begin("run", {80, 24});
  wait_for_text(run, "throttle_query");
  wait_for(run, [](const std::string& out) { return draws(out) > 3; });
  EXPECT_LE(width_after(run.out(), 0), 80U);
  EXPECT_GT(width_after(run.out(), 0), 50U);

  run.resize({50, 24});
  // The draw that was under way may have been for the old size.
  const std::size_t drawn = draws(run.out());
  wait_for(run, [&](const std::string& out) { return draws(out) > drawn + 1; });
  const std::size_t from = run.out().size();
  wait_for(run, [&](const std::string& out) { return draws(out) > drawn + 4; });
  EXPECT_LE(width_after(run.out(), from), 50U);

  sql("DELETE FROM busy");
  const ProgramOutcome outcome = run.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  // The view is gone and the summary stays.
  const std::string end = outcome.out.substr(outcome.out.rfind(kMoved));
  EXPECT_THAT(end, HasSubstr("bookings"));
  EXPECT_THAT(end, HasSubstr("\r\ndone\r\n"));
}

TEST_F(Terminal, ADumbOneGetsLines) {
  ProgramOptions options;
  options.terminal = TerminalSize{};
  options.environment = {{"TERM", "dumb"}};
  const ProgramOutcome outcome =
      run_program(PGBACKFILL_EXECUTABLE, {"run", "-c", file(), "--dsn", dsn()}, options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_THAT(outcome.out, Not(HasSubstr("\033")));
}

TEST_F(Terminal, RollbackAsksBeforeItLosesAnything) {
  ASSERT_EQ(begin("run", {}).wait().exit_code, 0);
  sql("INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000002', 'Second');"
      "INSERT INTO bookings VALUES (3000, 'open', '00000000-0000-0000-0000-000000000002')");
  for (const char* answer : {"no\n", "\n", "y\n"}) {
    RunningProgram refused = begin("rollback", {});
    wait_for_text(refused, "go on? (yes/no)");
    refused.type(answer);
    const ProgramOutcome outcome = refused.wait();
    EXPECT_EQ(outcome.exit_code, 3) << outcome.out;
    EXPECT_THAT(outcome.out, HasSubstr("nothing was changed"));
    EXPECT_EQ(value("SELECT count(DISTINCT org_id) FROM bookings"), "2");
  }
  RunningProgram agreed = begin("rollback", {});
  wait_for_text(agreed, "go on? (yes/no)");
  agreed.type("yes\n");
  const ProgramOutcome outcome = agreed.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_EQ(value("SELECT count(*) FROM bookings"), "2001");
  EXPECT_EQ(value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'bookings'::regclass "
                  "AND attname = 'org_id'"),
            "0");
}

}  // namespace
}  // namespace pgbackfill::test
