#include "planner/export/alembic_revision.hpp"
#include "tests/planner/migration_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace pgbackfill::planner {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using AlembicSection = MigrationFixture;

TEST_F(AlembicSection, IsPartOfWhatTheJobIs) {
  const auto lines = canonical_lines(
      read(std::string(kSmall) + "[alembic]\nexpect = \"a\"\nstamp = \"b\"\ntable = \"app.v\"\n"));
  EXPECT_THAT(lines, AllOf(Contains("app.v: expect 'a'"), Contains("app.v: stamp 'b'")));
}

TEST_F(AlembicSection, SaysWhatItLacks) {
  EXPECT_THAT(errors_after_small("[alembic]\n"),
              ElementsAre(HasSubstr("job.toml:10:1: [alembic] needs \"expect\", \"stamp\"")));
  EXPECT_THAT(errors_after_small("[alembic]\nexpect = \"a\"\nstamp = \"a\"\n"),
              ElementsAre(HasSubstr("\"stamp\" must be another revision")));
  EXPECT_THAT(errors_after_small("[alembic]\nstamp = \"a\"\ntable = \"a.b.c\"\n"),
              ElementsAre(HasSubstr("a.b.c")));
}

TEST_F(AlembicSection, AloneIsNoJob) {
  EXPECT_THAT(errors("version = 1\n[alembic]\nstamp = \"a\"\n"), Not(testing::IsEmpty()));
}

TEST(AlembicSectionRevision, EscapesForPythonAndForSqlalchemy) {
  EndState state;
  state.upgrade = {R"(SELECT 'a :b', '\:c', 1::int, '12:30', 'd:e: :f:', "x")"};
  const std::string text = alembic_revision({"r\"1", "base", "job.toml"}, state);
  EXPECT_THAT(text, HasSubstr(R"(op.execute("""SELECT 'a \\:b', '\\\\:c', 1::int, '12:30', )"
                              R"('d:e: :f:', "x\"""")"));
  EXPECT_THAT(text, HasSubstr("revision = \"r\\\"1\"\ndown_revision = None\n"));
  EXPECT_THAT(text, HasSubstr("def downgrade() -> None:\n    pass\n"));
  EXPECT_THAT(text, Not(HasSubstr("DONE")));
}

}  // namespace
}  // namespace pgbackfill::planner
