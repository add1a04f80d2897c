#include "tests/support/run_program.hpp"
#include "tests/support/scratch_directory.hpp"
#include "tools/docs/reference.hpp"
#include "tools/docs/roff.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace pgbackfill::tools {
namespace {

using test::ProgramOptions;
using test::ProgramOutcome;
using test::run_program;
using test::ScratchDirectory;
using ::testing::HasSubstr;
using ::testing::Not;

std::string readme() {
  std::ifstream file(PGBACKFILL_SOURCE_DIR "/README.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

/// What bash offers for the last of the words.
std::string offered(const std::vector<std::string>& words) {
  const ScratchDirectory directory;
  std::string list;
  for (const std::string& word : words) list += " '" + word + "'";
  const auto script = directory.write(
      "try.sh", bash_completion() + fmt::format("COMP_WORDS=(pgbackfill{})\nCOMP_CWORD={}\n"
                                                "_pgbackfill\necho \"${{COMPREPLY[*]}}\"\n",
                                                list, words.size()));
  ProgramOptions options;
  options.directory = directory.path();
  const ProgramOutcome outcome = run_program("bash", {script.string()}, options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

TEST(DocsTest, TheTablesOfTheReadmeAreThoseOfTheCommandLine) {
  EXPECT_EQ(readme(), readme_with_tables(readme())) << "run pgbackfill_docs --readme README.md";
  EXPECT_THROW(readme_with_tables("# no markers"), std::runtime_error);
}

TEST(DocsTest, EveryCommandFlagAndKeyIsListedOnce) {
  const std::string text = readme_with_tables(readme());
  const std::string page = command_man_page(readme());
  for (const CommandEntry& command : command_entries()) {
    EXPECT_EQ(count(text, fmt::format("\n| `{}` | {}", command.name, command.help)), 1)
        << command.name;
    EXPECT_EQ(count(page, fmt::format("\n.SS {}\n", command.name)), 1) << command.name;
  }
  const std::string keys =
      text.substr(text.find("<!-- keys of [run]"),
                  text.find("<!-- end of keys of [run]") - text.find("<!-- keys of [run]"));
  for (const planner::RunSetting& setting : planner::run_settings()) {
    EXPECT_EQ(count(keys, fmt::format("\n| `{}` |", setting.key)), 1) << setting.key;
    EXPECT_THAT(page, HasSubstr(roff_text(setting.flag()))) << setting.key;
  }
}

TEST(DocsTest, RoffKeepsWhatItWouldTakeForItsOwn) {
  EXPECT_EQ(roff_text("a-b\\c"), "a\\-b\\ec");
  EXPECT_EQ(roff_inline("**b** `a-b` [text](#there), [run] and array[1]"),
            "\\fBb\\fR \\fBa\\-b\\fR text, [run] and array[1]");
  const std::string page = roff_from_markdown(
      "### Head\ntext\nmore\n\n- one\n- two\n```\n.code\n```\n| a | b |\n|---|---|\n| x | y\\|z "
      "|\n");
  EXPECT_EQ(
      page,
      ".SS Head\n.PP\ntext more\n.IP \\(bu 2\none\n.IP \\(bu 2\ntwo\n.PP\n.EX\n\\&.code\n.EE\n"
      ".TP\nx\ny|z\n");
}

TEST(DocsTest, BashOffersCommandsFlagsAndWords) {
  EXPECT_EQ(offered({"ver"}), "verify\n");
  EXPECT_EQ(offered({"export", ""}), "alembic\n");
  EXPECT_EQ(offered({"run", "--batch-t"}), "--batch-time\n");
  EXPECT_EQ(offered({"run", "--batch-time", ""}), "\n");
  EXPECT_EQ(offered({"plan", "--format", "j"}), "json\n");
  EXPECT_EQ(offered({"plan", "--format", "=", "j"}), "json\n");
  EXPECT_EQ(offered({"export", "alembic", "--down"}), "--down-revision\n");
  EXPECT_EQ(offered({"set", "work"}), "workers=\n");
  EXPECT_EQ(offered({"run", "-c", "try"}), "try.sh\n");
}

TEST(DocsTest, ManPagesHaveTheirSections) {
  const std::string page = file_man_page(readme());
  EXPECT_THAT(page, HasSubstr(".SH The migration file\n"));
  EXPECT_THAT(page, HasSubstr(".SS Converting keys\n"));
  EXPECT_THAT(page, Not(HasSubstr("```")));
  EXPECT_THAT(command_man_page(readme()), HasSubstr(".TP\n5\n"));
}

}  // namespace
}  // namespace pgbackfill::tools
