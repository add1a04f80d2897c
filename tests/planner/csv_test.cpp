#include "planner/file/csv.hpp"

#include "planner/file/lookup_file.hpp"
#include "tests/support/scratch_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using Fields = std::vector<std::string>;

std::vector<Fields> records(std::string_view text) {
  CsvReader reader(text);
  std::vector<Fields> result;
  while (auto record = reader.next()) result.push_back(record->fields);
  return result;
}

std::vector<int> lines(std::string_view text) {
  CsvReader reader(text);
  std::vector<int> result;
  while (auto record = reader.next()) result.push_back(record->line);
  return result;
}

TEST(CsvReader, ReadsPlainFields) {
  EXPECT_THAT(records("a,b\n1,2\n"), ElementsAre(Fields{"a", "b"}, Fields{"1", "2"}));
}

TEST(CsvReader, AcceptsCrlfAndNoFinalLineEnd) {
  EXPECT_THAT(records("a,b\r\n1,2"), ElementsAre(Fields{"a", "b"}, Fields{"1", "2"}));
}

TEST(CsvReader, SkipsByteOrderMarkAndEmptyLines) {
  EXPECT_THAT(records("\xEF\xBB\xBF"
                      "a,b\n\n\r\n1,2\n\n"),
              ElementsAre(Fields{"a", "b"}, Fields{"1", "2"}));
}

TEST(CsvReader, UnquotesQuotesCommasAndLineEnds) {
  EXPECT_THAT(records("\"a\"\"b\",\"c,d\"\r\n\"e\nf\",\"\"\n"),
              ElementsAre(Fields{"a\"b", "c,d"}, Fields{"e\nf", ""}));
}

TEST(CsvReader, KeepsEmptyFieldsAndBlanks) {
  EXPECT_THAT(records(",\n a ,b"), ElementsAre(Fields{"", ""}, Fields{" a ", "b"}));
  EXPECT_THAT(records("a,"), ElementsAre(Fields{"a", ""}));
}

TEST(CsvReader, CountsLinesInsideQuotes) {
  EXPECT_THAT(lines("h,i\n\"a\nb\",c\n\nd,e\n"), ElementsAre(1, 2, 5));
}

TEST(CsvReader, NothingIsNoRecord) {
  EXPECT_THAT(records(""), IsEmpty());
  EXPECT_THAT(records("\n\r\n"), IsEmpty());
}

void expect_defect(std::string_view text, int line) {
  try {
    records(text);
    ADD_FAILURE() << "accepted: " << text;
  } catch (const CsvError& error) {
    EXPECT_EQ(error.line(), line) << text;
  }
}

TEST(CsvReader, NamesTheLineOfBadQuoting) {
  expect_defect("a,b\n1,\"2\n3,4\n", 2);  // never closed: where it begins
  expect_defect("a,b\n1,\"2\"3\n", 2);    // text after the closing quote
  expect_defect("a,b\n\nx\"y\",z\n", 3);  // quote inside a bare field
  expect_defect("\"", 1);
}

TEST(InvalidUtf8, FindsTheFirstBadByte) {
  EXPECT_EQ(find_invalid_utf8("plain, M\xC3\xBCnchen \xE2\x82\xAC \xF0\x9F\x8E\xAA"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("ab\xFF"), 2U);
  EXPECT_EQ(find_invalid_utf8(std::string_view("a\0b", 3)), 1U);
  EXPECT_EQ(find_invalid_utf8("\xC0\xAF"), 0U);          // overlong
  EXPECT_EQ(find_invalid_utf8("\xE0\x80\x80"), 0U);      // overlong
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U);      // surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U);  // past U+10FFFF
  EXPECT_EQ(find_invalid_utf8("x\xE2\x82"), 1U);         // cut off
}

class LookupFile : public testing::Test {
 protected:
  std::vector<std::string> read(std::string_view text) {
    const auto path = directory_.write("teams.csv", text);
    return read_path(path);
  }

  std::vector<std::string> read_path(const std::filesystem::path& path) {
    lookup_ = LookupSpec{};
    lookup_.name = "teams";
    lookup_.position = {"job.toml", 7, 1};
    std::vector<SpecError> errors;
    read_lookup_file(path, "org_id", lookup_, errors);
    std::vector<std::string> texts;
    const std::string prefix = (directory_.path() / "").string();
    for (const SpecError& error : errors) {
      std::string text = error.to_string();
      for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
        text.erase(at, prefix.size());
      }
      texts.push_back(text);
    }
    return texts;
  }

  test::ScratchDirectory directory_;
  LookupSpec lookup_;
};

TEST_F(LookupFile, KeepsEntriesAndTheirLines) {
  EXPECT_THAT(read("team_id,org_id\n1,a\n\n\"2\",b\n"), IsEmpty());
  EXPECT_EQ(lookup_.key_header, "team_id");
  EXPECT_EQ(lookup_.value_header, "org_id");
  EXPECT_THAT(lookup_.entries, ElementsAre(Pair("1", "a"), Pair("2", "b")));
  EXPECT_THAT(lookup_.lines, ElementsAre(2, 4));
}

TEST_F(LookupFile, TheColumnNamedLikeTheTenantColumnIsTheValue) {
  EXPECT_THAT(read("org_id,team_id\na,1\n"), IsEmpty());
  EXPECT_EQ(lookup_.key_header, "team_id");
  EXPECT_THAT(lookup_.entries, ElementsAre(Pair("1", "a")));
}

TEST_F(LookupFile, OtherwiseTheFirstColumnIsTheKey) {
  EXPECT_THAT(read("team,organization\n1,a\n"), IsEmpty());
  EXPECT_EQ(lookup_.key_header, "team");
  EXPECT_EQ(lookup_.value_header, "organization");
}

TEST_F(LookupFile, MissingFileIsReportedWhereItIsNamed) {
  EXPECT_THAT(read_path(directory_.path() / "none.csv"),
              ElementsAre("job.toml:7:1: lookup \"teams\": cannot read none.csv: "
                          "No such file or directory"));
}

TEST_F(LookupFile, DirectoryIsNotReadable) {
  EXPECT_THAT(read_path(directory_.path()), ElementsAre(HasSubstr("Is a directory")));
}

TEST_F(LookupFile, RefusesWhatIsNotUtf8Text) {
  EXPECT_THAT(read("team_id,org_id\n1,a\n2,\xFF\n"),
              ElementsAre("teams.csv:3: not UTF-8: save the file as UTF-8"));
  EXPECT_THAT(read(std::string_view("team_id,org_id\n1\0,a\n", 20)),
              ElementsAre("teams.csv:2: a NUL byte: not a text file"));
}

TEST_F(LookupFile, RefusesBadHeaders) {
  EXPECT_THAT(read(""), ElementsAre(HasSubstr("teams.csv is empty")));
  EXPECT_THAT(read("team_id,org_id,note\n"),
              ElementsAre("teams.csv:1: the header must name two columns (the key and \"org_id\"), "
                          "not 3"));
  EXPECT_THAT(read("org_id,org_id\n"), ElementsAre(HasSubstr("different names")));
  EXPECT_THAT(read(",org_id\n"), ElementsAre(HasSubstr("different names")));
}

TEST_F(LookupFile, ReportsEachBadRow) {
  EXPECT_THAT(
      read("team_id,org_id\n1,a\n2\n,b\n3,\n1,c\n4,d,e\n"),
      ElementsAre("teams.csv:3: 1 fields where the header has 2", "teams.csv:4: empty team_id",
                  "teams.csv:5: empty org_id", "teams.csv:6: team_id \"1\" is on line 2 already",
                  "teams.csv:7: 3 fields where the header has 2"));
}

TEST_F(LookupFile, ReportsBadQuotingOnce) {
  EXPECT_THAT(read("team_id,org_id\n1,a\n\"2,b\n"),
              ElementsAre("teams.csv:3: a quoted field that is never closed"));
}

TEST_F(LookupFile, StopsAfterTwentyDefects) {
  std::string text = "team_id,org_id\n";
  for (int i = 0; i < 50; ++i) text += "1,a\n";
  const auto errors = read(text);
  ASSERT_THAT(errors, SizeIs(21));
  EXPECT_EQ(errors[0], "teams.csv:3: team_id \"1\" is on line 2 already");
  EXPECT_EQ(errors.back(), "teams.csv: and 29 more");
}

}  // namespace
}  // namespace pgbackfill::planner
