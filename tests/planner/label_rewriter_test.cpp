#include "planner/operations/enum/label_rewriter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgbackfill::planner {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LabelRules rules() {
  LabelRules rules;
  const std::map<std::string, std::string> labels{
      {"user", "worker"}, {"admin", "admin"}, {"it's", "o'clock"}, {"none", "null"}};
  rules.types[{"public", "role"}] = {false, labels};
  rules.types[{"public", "My Role"}] = {false, labels};
  rules.types[{"public", "roles"}] = {true, labels};
  rules.opaque_types.insert({"public", "pair"});
  return rules;
}

std::string rewritten(std::string_view text) { return rewrite_labels(text, rules()).text; }

TEST(LabelRewriter, OnlyLiteralsWithTheTypesCast) {
  EXPECT_EQ(rewritten("(role = 'user'::public.role)"), "(role = 'worker'::public.role)");
  EXPECT_EQ(rewritten("(name = 'user'::text)"), "(name = 'user'::text)");
  EXPECT_EQ(rewritten("(role = 'user'::other.role)"), "(role = 'user'::other.role)");
  EXPECT_EQ(rewritten("'user'::public.\"My Role\""), "'worker'::public.\"My Role\"");
  EXPECT_EQ(rewritten("'admin'::public.role"), "'admin'::public.role");
}

TEST(LabelRewriter, QuotesInLabels) {
  EXPECT_EQ(rewritten("'it''s'::public.role"), "'o''clock'::public.role");
  EXPECT_EQ(rewritten("E'it\\'s' :: public.role"), "'o''clock' :: public.role");
}

TEST(LabelRewriter, Arrays) {
  EXPECT_EQ(rewritten("'{user,admin,NULL}'::public.role[]"),
            "'{worker,admin,NULL}'::public.role[]");
  EXPECT_EQ(rewritten("'{{\"it''s\"},{user}}'::public.roles"),
            "'{{o''clock},{worker}}'::public.roles");
  EXPECT_EQ(rewritten("'{none,null,\"\"}'::public.roles"), "'{\"null\",null,\"\"}'::public.roles");
  EXPECT_EQ(rewritten("ARRAY['user'::public.role, 'admin'::public.role]"),
            "ARRAY['worker'::public.role, 'admin'::public.role]");
}

TEST(LabelRewriter, LeavesCommentsNamesAndBodiesAlone) {
  for (const char* text : {"-- 'user'::public.role\n1", "/* /* */ 'user'::public.role */ 1",
                           "\"'user'::public.role\"", "$$ 'user'::public.role $$",
                           "$b$ SELECT 'user'::public.role; $$ $b$", "'''user''::public.role'"}) {
    EXPECT_EQ(rewritten(text), text);
  }
}

TEST(LabelRewriter, ColumnsAndTypesOfShadows) {
  LabelRules shadow = rules();
  shadow.new_types[{"public", "role"}] = {"public", "new_role"};
  shadow.new_columns["role"] = "new_role";
  EXPECT_EQ(rewrite_labels("CHECK (((role <> 'user'::public.role) OR (\"role\" IS NULL) OR "
                           "((data).role = 1) OR role(1) OR (x)::role))",
                           shadow)
                .text,
            "CHECK (((\"new_role\" <> 'worker'::\"public\".\"new_role\") OR (\"new_role\" IS NULL) "
            "OR ((data).role = 1) OR role(1) OR (x)::role))");
}

TEST(LabelRewriter, TellsWhatItMet) {
  const RewrittenText plain = rewrite_labels(
      "('user'::public.role = role) AND name = 'user'::text AND 'who'::public.role = role",
      rules());
  EXPECT_THAT(plain.labels, ElementsAre("user"));
  EXPECT_THAT(plain.unknown, ElementsAre("who"));
  EXPECT_THAT(plain.plain_texts, ElementsAre("user"));
  EXPECT_FALSE(plain.casts_expressions);
  EXPECT_TRUE(rewrite_labels("(lower(x))::public.role", rules()).casts_expressions);
  EXPECT_FALSE(rewrite_labels("NULL::public.role", rules()).casts_expressions);
  EXPECT_TRUE(rewrite_labels("'(1,user)'::public.pair", rules()).opaque_literals);
  EXPECT_THAT(rewrite_labels("'admin'::text", rules()).plain_texts, IsEmpty());
}

}  // namespace
}  // namespace pgbackfill::planner
