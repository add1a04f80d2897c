#include "tools/handover.hpp"

#include "planner/operations/enum/enum_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace pgbackfill::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

planner::Plan plan(int tables) {
  planner::Plan plan;
  plan.schema = "public";
  for (int i = 1; i <= tables; ++i) {
    planner::TableTarget target;
    target.table = {"public", "table" + std::to_string(i)};
    target.column = "org_id";
    target.references = {"public", "organizations"};
    plan.tables.push_back(target);
  }
  return plan;
}

TEST(HandoverTest, NamesFewTablesAndCountsMany) {
  const std::string few = handover_text(plan(3), {});
  EXPECT_THAT(few, AllOf(HasSubstr("INSERT  says org_id"), HasSubstr(": table1, table2, table3\n"),
                         HasSubstr("filtered by org_id"), HasSubstr("tokens"),
                         HasSubstr("organizations  has the row")));
  const std::string many = handover_text(plan(30), {});
  EXPECT_THAT(many, AllOf(HasSubstr("table6 and 24 more\n"), Not(HasSubstr("table7"))));
  EXPECT_LE(std::count(many.begin(), many.end(), '\n'), 6);
}

TEST(HandoverTest, KeepsDifferentColumnsApart) {
  planner::Plan both = plan(2);
  both.tables[1].column = "tenant_id";
  const std::string text = handover_text(both, {});
  EXPECT_THAT(text, AllOf(HasSubstr("says org_id"), HasSubstr("says tenant_id")));
}

TEST(HandoverTest, TellsTheLabelsAndWhatBecameOfTheOldOnes) {
  planner::Plan plan;
  plan.schema = "public";
  plan.enums = {{{"public", "user_role"}, {"worker", "admin"}, true}};
  planner::JobSpec spec;
  planner::EnumSpec type;
  type.type = "user_role";
  type.map = {{"user", "worker"}};
  spec.of<planner::EnumSpec>().push_back(type);
  const std::string text = handover_text(plan, spec);
  EXPECT_THAT(text, AllOf(HasSubstr("user_role  has the labels worker, admin (sorted so)"),
                          HasSubstr("now user is worker"), Not(HasSubstr("INSERT"))));
}

TEST(HandoverTest, SaysNothingWhereNothingIsToBeDone) { EXPECT_EQ(handover_text(plan(0), {}), ""); }

}  // namespace
}  // namespace pgbackfill::tools
