#include "planner/file/migration_file.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "tests/planner/migration_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace pgbackfill::planner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class MigrationTables : public MigrationFixture {};

// Value sources

TEST_F(MigrationTables, ValueHasExactlyOneSource) {
  EXPECT_THAT(errors_of_value("{}"),
              ElementsAre("job.toml:5:9: [[table]] \"t\" value must have exactly one of constant, "
                          "lookup, parent and sql, not none"));
  EXPECT_THAT(errors_of_value("{ constant = \"x\", sql = \"y\" }"),
              ElementsAre(HasSubstr("not several")));
}

TEST_F(MigrationTables, ValueKeysGoWithTheirSource) {
  EXPECT_THAT(errors_of_value("{ constant = \"x\", otherwise = \"fail\" }"),
              ElementsAre("job.toml:5:39: [[table]] \"t\" value \"otherwise\" does not go with "
                          "\"constant\""));
  EXPECT_THAT(errors_of_value("{ constant = \"\" }"), ElementsAre(HasSubstr("is empty")));
  EXPECT_THAT(errors_of_value("{ constant = [1] }"),
              ElementsAre(HasSubstr("must be a string, number or boolean, not an array")));
  EXPECT_THAT(errors_of_value("{ lookup = \"l\", via = \"x\" }"),
              ElementsAre(HasSubstr("a lookup needs \"key\""), HasSubstr("no [[lookup]] is named"),
                          HasSubstr("\"via\" does not go with \"lookup\"")));
  EXPECT_THAT(errors_of_value("{ parent = \"p\", key = \"x\" }"),
              ElementsAre(HasSubstr("a parent needs \"via\""), HasSubstr("not among the [[table]]"),
                          HasSubstr("\"key\" does not go with \"parent\"")));
  EXPECT_THAT(errors_of_value("{ sql = \"x\", key = \"a\", via = \"b\" }"), SizeIs(2));
}

TEST_F(MigrationTables, Otherwise) {
  EXPECT_THAT(errors_of_value("{ sql = \"x\", otherwise = \"skip\" }"),
              ElementsAre("job.toml:5:34: [[table]] \"t\" value \"otherwise\" must be \"fail\", "
                          "\"quarantine\" or { constant = … }"));
  EXPECT_THAT(errors_of_value("{ sql = \"x\", otherwise = 1 }"), SizeIs(1));
  EXPECT_THAT(errors_of_value("{ sql = \"x\", otherwise = {} }"),
              ElementsAre(HasSubstr("needs the key \"constant\"")));
  EXPECT_THAT(errors_of_value("{ sql = \"x\", otherwise = { constant = \"\" } }"),
              ElementsAre(HasSubstr("is empty")));
}

TEST_F(MigrationTables, SqlIsOneExpression) {
  EXPECT_THAT(errors_of_value("{ sql = \" \" }"),
              ElementsAre("job.toml:5:17: [[table]] \"t\" value \"sql\" is empty"));
  EXPECT_THAT(errors_of_value("{ sql = \"a; drop table t\" }"), ElementsAre(HasSubstr("';'")));
  EXPECT_THAT(errors_of_value("{ sql = \"';'\" }"), IsEmpty());
}

TEST_F(MigrationTables, LookupMustBeDefined) {
  directory_.write("l.csv", "a,org_id\n1,x\n");
  EXPECT_THAT(errors_after_small("[[table]]\nname = \"x\"\nvalue = { lookup = \"team_org\", key = "
                                 "\"a\" }\n[[lookup]]\nname = \"team_orgs\"\nfile = \"l.csv\"\n"),
              ElementsAre("job.toml:12:9: no [[lookup]] is named \"team_org\", did you mean "
                          "\"team_orgs\"?"));
}

TEST_F(MigrationTables, ParentMustBeListed) {
  EXPECT_THAT(errors_after_small("[[table]]\nname = \"x\"\nvalue = { parent = \"booking\", via = "
                                 "\"a\" }\n"),
              ElementsAre("job.toml:12:9: the parent \"booking\" is not among the [[table]] list, "
                          "did you mean \"bookings\"?"));
  EXPECT_THAT(errors_after_small("[[table]]\nname = \"x\"\nvalue = { parent = \"public.bookings\", "
                                 "via = \"a\" }\n"),
              IsEmpty());
}

std::string table(std::string_view name, std::string_view parent) {
  return "[[table]]\nname = \"" + std::string(name) + "\"\nvalue = { parent = \"" +
         std::string(parent) + "\", via = \"x\" }\n";
}

TEST_F(MigrationTables, CyclesAreShown) {
  const std::string head = "version = 1\n[tenant]\nreferences = \"o(id)\"\n";
  EXPECT_THAT(errors(head + table("a", "a")),
              ElementsAre(StartsWith("job.toml:6:9: the parents form a cycle: a -> a;")));
  EXPECT_THAT(errors(head + table("d", "b") + table("a", "b") + table("b", "c") + table("c", "a")),
              ElementsAre(StartsWith("job.toml:9:9: the parents form a cycle: a -> b -> c -> a;")));
  EXPECT_THAT(errors(head + table("a", "public.b") + table("b", "a") + table("c", "c")),
              ElementsAre(HasSubstr("a -> b -> a"), HasSubstr("c -> c")));
}

TEST_F(MigrationTables, TheTenantsParentAlsoCountsForCycles) {
  EXPECT_THAT(errors("version = 1\n[tenant]\nreferences = \"o(id)\"\nvalue = { parent = \"a\", via "
                     "= \"x\" }\n[[table]]\nname = \"a\"\n"),
              ElementsAre(HasSubstr("a -> a")));
}

// Repeated names

TEST_F(MigrationTables, RepeatedNames) {
  directory_.write("l.csv", "a,org_id\n1,x\n");
  EXPECT_THAT(errors_after_small(R"toml([[table]]
name = "public.teams"
[[lookup]]
name = "l"
file = "l.csv"
[[lookup]]
name = "l"
file = "l.csv"
[[enum]]
type = "e"
values = ["a"]
[[enum]]
type = "public.e"
values = ["b"]
)toml"),
              ElementsAre("job.toml:10:1: table \"public.teams\" is on line 5 already",
                          "job.toml:15:1: lookup \"l\" is on line 12 already",
                          "job.toml:21:1: enum \"public.e\" is on line 18 already"));
}

TEST_F(MigrationTables, IndexNamesAreUniqueInASchema) {
  EXPECT_THAT(errors_after_small(R"toml([[table]]
name = "a"
indexes = [ { name = "i", columns = ["x"] } ]
[[table]]
name = "b"
indexes = [ { name = "i", columns = ["x"] }, { name = "j", columns = ["x", "x"] } ]
[[table]]
name = "app.c"
indexes = [ { name = "i", columns = ["x"] } ]
)toml"),
              ElementsAre("job.toml:15:13: index \"i\" is on line 12 already",
                          "job.toml:15:76: [[table]] \"b\" index \"j\" \"columns\" names \"x\" "
                          "twice"));
  EXPECT_THAT(errors_after_small("[[table]]\nname = \"a\"\nindexes = [ { name = \"ix_a_org_id\", "
                                 "columns = [\"x\"] } ]\n"),
              ElementsAre(HasSubstr("is also the name of the index on org_id of table \"a\"")));
  EXPECT_THAT(errors_after_small("[[table]]\nname = \"a\"\nindexes = [ { name = \"ix_a_org_id\", "
                                 "columns = [\"org_id\", \"x\"] } ]\n"),
              IsEmpty());
}

// [[enum]], [[ensure]], [[convert]], [[lookup]]

TEST_F(MigrationTables, EnumLabels) {
  EXPECT_THAT(
      errors(R"toml(version = 1
[[enum]]
type = "e"
values = ["a", "b", "a", ""]
map = { old = "c", a = "b" }
unmap = { z = "old", b = "" }
on_unmapped = "d"
order = "loose"
[[enum]]
type = "f"
values = []
map = { x = "y" }
)toml"),
      ElementsAre("job.toml:4:21: [[enum]] \"e\" \"values\" names \"a\" twice",
                  "job.toml:4:26: [[enum]] \"e\" \"values\" holds an empty string",
                  "job.toml:5:15: [[enum]] \"e\" \"map\" leads to \"c\", which is not among "
                  "\"values\"",
                  "job.toml:6:11: [[enum]] \"e\" \"unmap\" names \"z\", which is not among "
                  "\"values\"",
                  "job.toml:6:26: [[enum]] \"e\" \"unmap\" leads to an empty label",
                  "job.toml:7:15: [[enum]] \"e\" \"on_unmapped\" is \"d\", which is not "
                  "among \"values\"",
                  "job.toml:8:9: [[enum]] \"e\" \"order\" must be one of strict, any, not "
                  "\"loose\"",
                  "job.toml:11:10: [[enum]] \"f\" \"values\" is empty"));
}

TEST_F(MigrationTables, EnumOptions) {
  const JobSpec spec = read(
      "version = 1\n[[enum]]\ntype = \"e\"\nvalues = [\"a\"]\n"
      "on_unmapped = \"a\"\norder = \"any\"\n");
  EXPECT_EQ(spec.of<EnumSpec>()[0].on_unmapped, "a");
  EXPECT_FALSE(spec.of<EnumSpec>()[0].strict_order);
}

TEST_F(MigrationTables, EnsureKeyMustHaveAValue) {
  EXPECT_THAT(errors("version = 1\n[[ensure]]\ntable = \"o\"\nkey = [\"id\", \"code\"]\nrow = { id "
                     "= 1 }\n[[ensure]]\ntable = \"a b\"\nkey = []\nrow = {}\n"),
              ElementsAre("job.toml:4:14: [[ensure]] \"o\" \"key\" names \"code\", which \"row\" "
                          "has no value for",
                          HasSubstr("job.toml:7:9: [[ensure]] \"a b\" \"table\""),
                          "job.toml:8:7: [[ensure]] \"a b\" \"key\" is empty",
                          "job.toml:9:7: [[ensure]] \"a b\" \"row\" is empty"));
}

TEST_F(MigrationTables, Convert) {
  EXPECT_THAT(errors("version = 1\n[[convert]]\ncolumns = [\"a.b\", \"plain\", \"a.b\"]\ntype = "
                     "\"text\"\n"),
              ElementsAre(HasSubstr("job.toml:3:19: [[convert]] \"plain\" must be written "
                                    "table.column"),
                          HasSubstr("job.toml:3:28: [[convert]] \"columns\" names \"a.b\" twice"),
                          HasSubstr("job.toml:4:8: [[convert]] \"type\" must be uuid")));
}

}  // namespace
}  // namespace pgbackfill::planner
