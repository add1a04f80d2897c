#include "planner/plan/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace pgbackfill::planner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Step backfill_step() {
  Step step;
  step.id = "backfill:odd \"name\"";
  step.stage = Stage::kBackfill;
  step.kind = StepKind::kBackfill;
  step.table = "odd \"name\"";
  step.title = "fill org_id, späte Gäste";
  step.sql = {"UPDATE …\nWHERE 'a\\b'"};
  step.after = {"backfill:parent"};
  TableBackfill backfill;
  backfill.table = {"Sales", "odd \"name\""};
  backfill.method = Method::kUpdate;
  backfill.order = ReadOrder::kKey;
  backfill.key = {{"a", "integer"}, {"b", "text"}};
  backfill.estimated_rows = 12.5;
  backfill.blocks = 7'000'000'000;
  backfill.clustered = true;
  backfill.fillfactor = 70;
  backfill.indexes = 9;
  backfill.buffers = 16'384;
  backfill.why = "12 passes";
  Assignment lookup;
  lookup.column = "org_id";
  lookup.type = "uuid";
  lookup.resolve = ResolveKind::kLookup;
  lookup.lookup = "teams";
  lookup.input = "team_id";
  lookup.input_type = "integer";
  lookup.expression = "(SELECT 1)";
  lookup.join = {"teams", "s.key = t.team_id", "s.value", 60};
  lookup.otherwise = {Otherwise::Kind::kConstant, "x"};
  lookup.pending = "t.org_id IS NULL";
  Assignment remap;
  remap.column = "shadow";
  remap.resolve = ResolveKind::kRemap;
  remap.remap = {{"user", "worker"}, {"admin", "admin"}};
  remap.otherwise = {Otherwise::Kind::kQuarantine, ""};
  Assignment constant;
  constant.constant = "c";
  backfill.assignments = {lookup, remap, constant};
  step.backfill = backfill;
  return step;
}

Plan sample() {
  Plan plan;
  plan.schema = "public";
  Step alone;
  alone.id = "index:t:create:ix";
  alone.stage = Stage::kIndex;
  alone.kind = StepKind::kAlone;
  alone.probe = "SELECT a";
  alone.leftover_probe = "SELECT b";
  alone.leftover_sql = "DROP b";
  alone.inverse = {"DROP c", "DROP d"};
  alone.losses = {"SELECT 'e', false"};
  Step undo;
  undo.id = "index:t:undo";
  undo.kind = StepKind::kFill;
  undo.sql = {"UPDATE f"};
  alone.undo = {undo};
  Step lookup;
  lookup.id = "expand:teams:lookup";
  lookup.stage = Stage::kExpand;
  lookup.kind = StepKind::kLookup;
  lookup.lookup = "teams";
  lookup.lookup_table = "\"pgbackfill\".\"lookup_teams\"";
  lookup.irreversible = "because";
  lookup.sql = {"CREATE TABLE l"};
  lookup.sweep = {"backfill:t"};
  plan.steps = {lookup, backfill_step(), alone};
  plan.tables = {{{"public", "t"},
                  "org_id",
                  "uuid",
                  {"public", "organizations"},
                  "org_id",
                  "fk_t",
                  {{"ix", {"org_id", "at"}, {}}}}};
  plan.enums = {{{"public", "role"}, {"b", "a"}, false}};
  plan.notes = {"a note"};
  return plan;
}

TEST(PlanJsonTest, ComesBackAsItWas) {
  const Plan back = plan_from_json(to_json(sample()));
  EXPECT_EQ(to_json(back), to_json(sample()));

  ASSERT_EQ(back.steps.size(), 3U);
  EXPECT_EQ(back.steps[0].kind, StepKind::kLookup);
  EXPECT_EQ(back.steps[0].lookup_table, "\"pgbackfill\".\"lookup_teams\"");
  EXPECT_EQ(back.steps[0].irreversible, "because");
  EXPECT_THAT(back.steps[0].sweep, ElementsAre("backfill:t"));
  EXPECT_FALSE(back.steps[0].backfill);
  EXPECT_EQ(back.steps[2].leftover_sql, "DROP b");
  EXPECT_THAT(back.steps[2].inverse, ElementsAre("DROP c", "DROP d"));
  EXPECT_THAT(back.steps[2].losses, ElementsAre("SELECT 'e', false"));
  ASSERT_EQ(back.steps[2].undo.size(), 1U);
  EXPECT_EQ(back.steps[2].undo[0].kind, StepKind::kFill);
  EXPECT_THAT(back.steps[2].undo[0].sql, ElementsAre("UPDATE f"));

  ASSERT_TRUE(back.steps[1].backfill);
  const TableBackfill& backfill = *back.steps[1].backfill;
  EXPECT_EQ(backfill.table, (sql::QualifiedName{"Sales", "odd \"name\""}));
  EXPECT_EQ(backfill.method, Method::kUpdate);
  EXPECT_EQ(backfill.order, ReadOrder::kKey);
  EXPECT_EQ(backfill.blocks, 7'000'000'000);
  EXPECT_TRUE(backfill.clustered);
  EXPECT_EQ(backfill.fillfactor, 70);
  EXPECT_EQ(backfill.indexes, 9);
  EXPECT_EQ(backfill.estimated_rows, 12.5);
  ASSERT_EQ(backfill.assignments.size(), 3U);
  EXPECT_EQ(backfill.assignments[0].resolve, ResolveKind::kLookup);
  EXPECT_EQ(backfill.assignments[0].otherwise.constant, "x");
  ASSERT_TRUE(backfill.assignments[0].join);
  EXPECT_EQ(backfill.assignments[0].join->on, "s.key = t.team_id");
  EXPECT_EQ(backfill.assignments[0].join->rows, 60);
  EXPECT_FALSE(backfill.assignments[1].join);
  EXPECT_EQ(backfill.buffers, 16'384);
  EXPECT_EQ(backfill.why, "12 passes");
  EXPECT_THAT(backfill.assignments[1].remap,
              ElementsAre(Pair("user", "worker"), Pair("admin", "admin")));
  EXPECT_EQ(backfill.assignments[1].otherwise.kind, Otherwise::Kind::kQuarantine);
  EXPECT_EQ(backfill.assignments[2].constant, "c");

  ASSERT_EQ(back.tables.size(), 1U);
  EXPECT_THAT(back.tables[0].indexes.at(0).columns, ElementsAre("org_id", "at"));
  ASSERT_EQ(back.enums.size(), 1U);
  EXPECT_FALSE(back.enums[0].ordered);
}

TEST(PlanOutline, KeepsWhatIsToldAndNoSql) {
  const Plan whole = sample();
  const Plan told = outline(whole);
  ASSERT_EQ(told.steps.size(), 2U);  // the last one can be taken back and writes no rows
  EXPECT_EQ(told.steps[0].id, whole.steps[0].id);
  EXPECT_EQ(told.steps[0].irreversible, "because");
  EXPECT_THAT(told.steps[0].sql, IsEmpty());
  ASSERT_TRUE(told.steps[1].backfill);
  EXPECT_EQ(told.steps[1].backfill->why, whole.steps[1].backfill->why);
  EXPECT_EQ(told.tables.size(), whole.tables.size());
  EXPECT_EQ(told.enums.size(), whole.enums.size());
  EXPECT_EQ(to_json(plan_from_json(to_json(told))), to_json(told));
}

TEST(PlanJsonTest, KeepsFieldOrder) {
  const std::string json = to_json(sample());
  EXPECT_LT(json.find("\"format\""), json.find("\"schema\""));
  EXPECT_LT(json.find("\"id\""), json.find("\"stage\""));
}

TEST(PlanJsonTest, RefusesWhatItDoesNotKnow) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string json = to_json(sample());
    json.replace(json.find(from), from.size(), to);
    return json;
  };
  EXPECT_THROW(plan_from_json(with("\"format\": 1", "\"format\": 2")), std::runtime_error);
  EXPECT_THROW(plan_from_json(with("\"alone\"", "\"else\"")), std::runtime_error);
  EXPECT_THROW(plan_from_json(with("\"stage\": \"index\"", "\"stage\": \"no\"")),
               std::runtime_error);
  EXPECT_THROW(plan_from_json("{"), std::exception);
}

TEST(PlanTextTest, NamesStagesInOrderAndMarksWhatCannotBeTakenBack) {
  const std::string text = to_text(sample());
  EXPECT_LT(text.find("\nexpand"), text.find("\nbackfill"));
  EXPECT_LT(text.find("\nbackfill"), text.find("\nindex"));
  EXPECT_THAT(text, HasSubstr("cannot be taken back: because"));
}

TEST(PlanTextTest, SqlHasBackfillsAsComments) {
  const std::string text = to_sql(sample());
  EXPECT_THAT(text, HasSubstr("-- UPDATE …\n-- WHERE 'a\\b';\n"));
}

}  // namespace
}  // namespace pgbackfill::planner
