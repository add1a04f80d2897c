#include "tests/planner/catalog_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace pgbackfill::planner {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class CheckCatalog : public CatalogFixture {};

constexpr std::string_view kTeams = "[[table]]\nname = \"teams\"\n";

TEST_F(CheckCatalog, FindsNothingWhereAllIsThere) {
  directory_.write("teams.csv", "team_id,org_id\n7,00000000-0000-0000-0000-000000000007\n");
  EXPECT_THAT(check(R"toml([[table]]
name = "teams"
value = { lookup = "l", key = "team_id" }
[[lookup]]
name = "l"
file = "teams.csv"
[[table]]
name = "public.bookings"
value = { parent = "teams", via = "team_id" }
indexes = [ { name = "ix", columns = ["org_id", "status"] } ]
[[ensure]]
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000001", name = "Default" }
[[enum]]
type = "user_role"
values = ["admin"]
[[convert]]
columns = ["bookings.team_key"]
type = "uuid"
)toml"),
              IsEmpty());
}

TEST_F(CheckCatalog, UnknownTable) {
  EXPECT_THAT(
      check("[[table]]\nname = \"boking\"\n[[table]]\nname = \"zebras\"\nrequired = true\n"),
      ElementsAre("job.toml:7:1: [[table]] \"boking\" does not exist in database \"app\", "
                  "did you mean \"bookings\"?",
                  "job.toml:9:1: [[table]] \"zebras\" does not exist in database \"app\""));
}

TEST_F(CheckCatalog, TableInAnotherSchema) {
  table("bookings").name.schema = "sales";
  EXPECT_THAT(check("[[table]]\nname = \"bookings\"\n"),
              ElementsAre(HasSubstr("; there is \"sales.bookings\"")));
}

TEST_F(CheckCatalog, OptionalTableMayBeMissing) {
  EXPECT_THAT(check("[[table]]\nname = \"zebras\"\nrequired = false\nindexes = [ { name = \"i\", "
                    "columns = [\"none\"] } ]\n"),
              IsEmpty());
}

TEST_F(CheckCatalog, ViewsAndForeignTablesAreNoTables) {
  EXPECT_THAT(check("[[table]]\nname = \"open_bookings\"\nrequired = false\n"),
              ElementsAre("job.toml:7:1: [[table]] \"open_bookings\" is a view, not a table"));
  table("open_bookings").kind = 'f';
  EXPECT_THAT(check("[[table]]\nname = \"open_bookings\"\n"),
              ElementsAre(HasSubstr("is a foreign table, not a table")));
  table("open_bookings").kind = 'p';
  EXPECT_THAT(check("[[table]]\nname = \"open_bookings\"\n"), IsEmpty());
}

TEST_F(CheckCatalog, ReferencesMustExist) {
  EXPECT_THAT(check_whole("version = 1\n[tenant]\nreferences = \"orgs(id)\"\nvalue = { sql = \"x\" "
                          "}\n" +
                          std::string(kTeams)),
              ElementsAre("job.toml:2:1: [tenant] references: table \"orgs\" does not exist in "
                          "database \"app\""));
  EXPECT_THAT(
      check_whole("version = 1\n[tenant]\nreferences = \"organizations(id)\"\nvalue = { sql "
                  "= \"x\" }\n" +
                  std::string(kTeams)),
      ElementsAre("job.toml:2:1: [tenant] references: table \"organizations\" has no column "
                  "\"id\""));
}

TEST_F(CheckCatalog, ReferencesMustBeUnique) {
  sql::Index& key = table("organizations").indexes.front();
  const auto refused = ElementsAre(HasSubstr("neither a primary key nor unique"));
  key.columns = {"org_id", "name"};
  EXPECT_THAT(check(kTeams), refused);
  key.columns = {"org_id"};
  key.partial = true;
  EXPECT_THAT(check(kTeams), refused);
  key.partial = false;
  key.unique = false;
  EXPECT_THAT(check(kTeams), refused);
  key.unique = true;
  key.primary = false;
  EXPECT_THAT(check(kTeams), IsEmpty());
}

TEST_F(CheckCatalog, TypesMustAgreeAfterTheirAliases) {
  const auto with_type = [&](std::string_view type, std::string_view constant) {
    return check_whole("version = 1\n[tenant]\ntype = \"" + std::string(type) +
                       "\"\nreferences = \"organizations(org_id)\"\nvalue = { constant = \"" +
                       std::string(constant) + "\" }\n" + std::string(kTeams));
  };
  table("organizations").columns[0].type = "character varying(36)";
  EXPECT_THAT(with_type("varchar(36)", "x"), IsEmpty());
  EXPECT_THAT(with_type("text", "x"),
              ElementsAre("job.toml:2:1: [tenant] type is text, but \"organizations(org_id)\" is "
                          "character varying(36); they must be the same"));
  table("organizations").columns[0].type = "bigint";
  EXPECT_THAT(with_type("int8", "5"), IsEmpty());
  EXPECT_THAT(with_type("int", "5"), SizeIs(1));
}

TEST_F(CheckCatalog, AConvertedColumnCountsAsWhatItBecomes) {
  table("organizations").columns[0].type = "character varying(36)";
  table("teams").columns.push_back(table("organizations").columns[0]);
  EXPECT_THAT(check(kTeams), SizeIs(2));
  EXPECT_THAT(
      check(std::string(kTeams) + "[[convert]]\ncolumns = [\"public.organizations.org_id\", "
                                  "\"teams.org_id\"]\ntype = \"uuid\"\n"),
      IsEmpty());
}

TEST_F(CheckCatalog, ExistingTenantColumnOfAnotherType) {
  table("teams").columns.push_back(table("teams").columns[1]);
  table("teams").columns.back().name = "org_id";
  EXPECT_THAT(check(kTeams),
              ElementsAre("job.toml:7:1: [[table]] \"teams\" has a column \"org_id\" already, of "
                          "type text instead of uuid"));
  table("teams").columns.back().type = "uuid";
  EXPECT_THAT(check(kTeams), IsEmpty());
}

TEST_F(CheckCatalog, ConstantsMustBeOfTheTenantsType) {
  EXPECT_THAT(
      check("[[table]]\nname = \"teams\"\nvalue = { constant = \"nobody\" }\n[[table]]\nname "
            "= \"bookings\"\nvalue = { sql = \"x\", otherwise = { constant = \"no\" } }\n"),
      ElementsAre("job.toml:9:9: the constant \"nobody\" is not a value of type uuid",
                  "job.toml:12:9: the constant \"no\" is not a value of type uuid"));
  EXPECT_THAT(
      check_whole("version = 1\n[tenant]\nreferences = \"organizations(org_id)\"\nvalue = { "
                  "constant = \"x\" }\n" +
                  std::string(kTeams)),
      ElementsAre(StartsWith("job.toml:4:9: the constant \"x\"")));
}

TEST_F(CheckCatalog, IndexColumnsMustExist) {
  EXPECT_THAT(
      check("[[table]]\nname = \"bookings\"\nindexes = [ { name = \"ix\", columns = "
            "[\"org_id\", \"statu\"] } ]\n"),
      ElementsAre("job.toml:9:13: index \"ix\": table \"bookings\" has no column \"statu\", "
                  "did you mean \"status\"?"));
}

TEST_F(CheckCatalog, KeyAndViaMustExist) {
  EXPECT_THAT(check_lookup_file("k,org_id\n", "team"),
              ElementsAre(StartsWith("job.toml:9:9: [[table]] \"bookings\" value key: table "
                                     "\"bookings\" has no column \"team\"")));
  EXPECT_THAT(check(std::string(kTeams) + "[[table]]\nname = \"bookings\"\nvalue = { parent = "
                                          "\"teams\", via = \"crew\" }\n"),
              ElementsAre("job.toml:11:9: [[table]] \"bookings\" value via: table \"bookings\" has "
                          "no column \"crew\""));
}

std::string child_of_teams(std::string_view via) {
  return std::string(kTeams) +
         "[[table]]\nname = \"bookings\"\nvalue = { parent = \"teams\", via = "
         "\"" +
         std::string(via) + "\" }\n";
}

TEST_F(CheckCatalog, ViaLeadsToThePrimaryKeyOrWhereItsForeignKeyGoes) {
  EXPECT_THAT(check(child_of_teams("team_id")), IsEmpty());
  EXPECT_THAT(check(child_of_teams("big_team_id")), IsEmpty());
  EXPECT_THAT(check(child_of_teams("team_code")),
              ElementsAre("job.toml:11:9: [[table]] \"bookings\" value: \"team_code\" is character "
                          "varying(8), but \"teams(team_id)\", which it refers to, is integer"));
  sql::ForeignKey key;
  key.columns = {"team_code"};
  key.referenced = {"public", "teams"};
  key.referenced_columns = {"name"};
  table("bookings").foreign_keys.push_back(key);
  EXPECT_THAT(check(child_of_teams("team_code")), IsEmpty());
}

TEST_F(CheckCatalog, ViaMustLeadSomewhere) {
  table("teams").indexes.front().columns = {"team_id", "name"};
  EXPECT_THAT(check(child_of_teams("team_id")),
              ElementsAre(AllOf(StartsWith("job.toml:11:9: "),
                                HasSubstr("cannot tell which column of \"teams\" \"team_id\""))));
  table("teams").indexes.clear();
  EXPECT_THAT(check(child_of_teams("team_id")), SizeIs(1));
}

TEST_F(CheckCatalog, AMissingOptionalParentLeavesItsChildrenWithoutAValue) {
  const auto with_parent = [&](std::string_view parent_line, std::string_view child) {
    return check("[[table]]\nname = \"zebras\"\n" + std::string(parent_line) +
                 "\n[[table]]\nname = \"" + std::string(child) +
                 "\"\nrequired = false\nvalue = { parent = \"zebras\", via = \"team_id\" }\n");
  };
  EXPECT_THAT(with_parent("required = false", "bookings"),
              ElementsAre("job.toml:13:9: [[table]] \"bookings\" value: its parent \"zebras\" does "
                          "not exist in database \"app\", so its rows have no value; name another "
                          "source"));
  EXPECT_THAT(with_parent("required = false", "foals"), IsEmpty());
  EXPECT_THAT(with_parent("required = true", "bookings"),
              ElementsAre(StartsWith("job.toml:7:1: [[table]] \"zebras\" does not exist")));
}

TEST_F(CheckCatalog, Ensure) {
  EXPECT_THAT(
      check("[[ensure]]\ntable = \"orgs\"\nkey = [\"a\"]\nrow = { a = 1 }\n[[ensure]]\ntable "
            "= \"teams\"\nkey = [\"team_id\"]\nrow = { team_id = 1, nam = \"x\" }\n"),
      ElementsAre("job.toml:7:1: [[ensure]] table \"orgs\" does not exist in database "
                  "\"app\"",
                  "job.toml:11:1: [[ensure]]: table \"teams\" has no column \"nam\", did "
                  "you mean \"name\"?"));
}

TEST_F(CheckCatalog, EnumTypes) {
  const auto with_type = [&](std::string_view type) {
    return check_whole("version = 1\n[[enum]]\ntype = \"" + std::string(type) +
                       "\"\nvalues = [\"a\"]\n");
  };
  EXPECT_THAT(with_type("public.user_role"), IsEmpty());
  EXPECT_THAT(with_type("user_rol"),
              ElementsAre("job.toml:2:1: [[enum]] \"user_rol\": database \"app\" has no such type, "
                          "did you mean \"user_role\"?"));
  table("teams").columns[1].type_name = {"public", "team_name"};
  table("teams").columns[1].type_kind = 'd';
  EXPECT_THAT(with_type("team_name"),
              ElementsAre("job.toml:2:1: [[enum]] \"team_name\" is a domain, not an enum"));
}

TEST_F(CheckCatalog, ConvertedColumnsMustExist) {
  EXPECT_THAT(
      check_whole("version = 1\n[[convert]]\ncolumns = [\"teams.nam\", \"orgs.id\", "
                  "\"teams.name\"]\ntype = \"uuid\"\n"),
      ElementsAre("job.toml:2:1: [[convert]]: table \"teams\" has no column \"nam\", did you "
                  "mean \"name\"?",
                  "job.toml:2:1: [[convert]] table \"orgs\" does not exist in database "
                  "\"app\""));
}

}  // namespace
}  // namespace pgbackfill::planner
