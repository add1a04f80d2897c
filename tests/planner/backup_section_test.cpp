#include "tests/planner/migration_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pgbackfill::planner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class BackupSection : public MigrationFixture {
 protected:
  static std::string section(const std::string& command) {
    return "[backup]\ndirectory = \"d\"\ncommand = '''" + command + "'''\n";
  }
};

TEST_F(BackupSection, IsReadAndIsNotPartOfWhatTheJobIs) {
  const JobSpec without = read(kSmall);
  EXPECT_FALSE(without.backup);
  const JobSpec with = read(std::string(kSmall) + section("pg_dump -Fd -j2 -f {dir} {dsn}"));
  ASSERT_TRUE(with.backup);
  EXPECT_EQ(with.backup->command, "pg_dump -Fd -j2 -f {dir} {dsn}");
  EXPECT_EQ(with.backup->directory, "d");
  EXPECT_EQ(canonical_lines(with), canonical_lines(without));
}

TEST_F(BackupSection, LeavesTheShellsOwnBracesAlone) {
  EXPECT_THAT(errors_after_small(section("f() { date; }; x=${HOME}; awk '{ print $1 }' | tee "
                                         "\"$x\" {dir}/x \\' {dsn}")),
              testing::IsEmpty());
}

TEST_F(BackupSection, NeedsBothKeysAndTheDirectoryInTheCommand) {
  EXPECT_THAT(errors_after_small("[backup]\n"),
              ElementsAre(HasSubstr("command"), HasSubstr("directory")));
  EXPECT_THAT(errors_after_small(section("pg_dump {dsn}")),
              ElementsAre(HasSubstr("job.toml:12:11: [backup] \"command\" does not say {dir}")));
  EXPECT_THAT(errors_after_small(section("tar ${dir}")), ElementsAre(HasSubstr("{dir}")));
}

TEST_F(BackupSection, RefusesWhatItCannotFillIn) {
  EXPECT_THAT(errors_after_small(section("pg_dump -f {dir} {database}")),
              ElementsAre(HasSubstr("\"command\" has {database}; it may hold {dir} and {dsn}")));
  EXPECT_THAT(errors_after_small(section("pg_dump -f '{dir}'")),
              ElementsAre(HasSubstr("{dir} within quotes")));
  EXPECT_THAT(errors_after_small(section("pg_dump -f {dir} \"{dsn}\"")),
              ElementsAre(HasSubstr("{dsn} within quotes")));
  EXPECT_THAT(errors_after_small("[backup]\ncomand = \"x\"\n"),
              testing::Contains(HasSubstr("comand")));
}

}  // namespace
}  // namespace pgbackfill::planner
