#include "tests/planner/catalog_fixture.hpp"

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

class CheckLookup : public CatalogFixture {};

TEST_F(CheckLookup, OneLookupServesOneKindOfKey) {
  const auto second = [&](std::string_view key) {
    return check_lookup_file("k,org_id\n7,00000000-0000-0000-0000-000000000007\n", "team_id",
                             "[[table]]\nname = \"teams\"\nvalue = { lookup = \"l\", key = \"" +
                                 std::string(key) + "\" }\n");
  };
  EXPECT_THAT(second("team_id"), IsEmpty());
  EXPECT_THAT(
      second("name"),
      ElementsAre("job.toml:15:9: lookup \"l\" is used by \"bookings.team_id\" (integer) and "
                  "by \"teams.name\" (text); one lookup serves keys of one type"));
}

TEST_F(CheckLookup, IntegerKeys) {
  EXPECT_THAT(check_lookup_file("k,org_id\n7,00000000-0000-0000-0000-000000000007\n"
                                "x,00000000-0000-0000-0000-000000000007\n"
                                "007,00000000-0000-0000-0000-000000000007\n"
                                "3000000000,00000000-0000-0000-0000-000000000007\n",
                                "team_id"),
              ElementsAre("teams.csv:3: k \"x\" is not a value of type integer",
                          "teams.csv:4: k \"007\" is the same integer as \"7\" on line 2",
                          "teams.csv:5: k \"3000000000\" is not a value of type integer"));
  EXPECT_THAT(check_lookup_file("k,org_id\n3000000000,00000000-0000-0000-0000-000000000007\n",
                                "big_team_id"),
              IsEmpty());
}

TEST_F(CheckLookup, TheWidestColumnDecidesTheRange) {
  EXPECT_THAT(check_lookup_file("k,org_id\n3000000000,00000000-0000-0000-0000-000000000007\n",
                                "big_team_id",
                                "[[table]]\nname = \"teams\"\nvalue = { lookup = \"l\", key = "
                                "\"team_id\" }\n"),
              IsEmpty());
}

TEST_F(CheckLookup, UuidKeys) {
  EXPECT_THAT(
      check_lookup_file("k,org_id\n"
                        "0000000a-0000-0000-0000-000000000001,"
                        "00000000-0000-0000-0000-000000000007\n"
                        "0000000A-0000-0000-0000-000000000001,"
                        "00000000-0000-0000-0000-000000000007\n"
                        "7,00000000-0000-0000-0000-000000000007\n",
                        "team_key"),
      ElementsAre(HasSubstr("teams.csv:3: k \"0000000A-0000-0000-0000-000000000001\" is the "
                            "same uuid as"),
                  "teams.csv:4: k \"7\" is not a value of type uuid"));
}

TEST_F(CheckLookup, TextKeysAreTakenAsTheyAre) {
  EXPECT_THAT(check_lookup_file("k,org_id\n7,00000000-0000-0000-0000-000000000007\n"
                                "007,00000000-0000-0000-0000-000000000007\n",
                                "team_code"),
              IsEmpty());
}

TEST_F(CheckLookup, LookupValuesMustBeOfTheTenantsType) {
  EXPECT_THAT(check_lookup_file("k,org_id\n7,acme\n", "team_code"),
              ElementsAre("teams.csv:2: org_id \"acme\" is not a value of type uuid"));
}

TEST_F(CheckLookup, StopsAfterTwentyBadEntries) {
  std::string csv = "k,org_id\n";
  for (int i = 0; i < 30; ++i) csv += std::to_string(i) + ",acme\n";
  const auto errors = check_lookup_file(csv, "team_id");
  ASSERT_THAT(errors, SizeIs(21));
  EXPECT_EQ(errors.back(), "teams.csv: and 10 more");
}

}  // namespace
}  // namespace pgbackfill::planner
