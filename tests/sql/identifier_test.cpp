#include "sql/identifier.hpp"

#include "sql/error.hpp"
#include "sql/result.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pgbackfill::sql {
namespace {

TEST(Identifier, QuotesAlwaysAndDoublesQuotes) {
  EXPECT_EQ(quote_identifier("users"), "\"users\"");
  EXPECT_EQ(quote_identifier("A\"b"), "\"A\"\"b\"");
}

TEST(Identifier, QuotesLiterals) {
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("a\\'b"), "E'a\\\\''b'");
  EXPECT_EQ(quote_literal(""), "''");
}

TEST(Identifier, KeepsNamesThatFit) {
  const std::string longest(63, 'x');
  EXPECT_EQ(fit_identifier(longest), longest);
}

TEST(Identifier, ShortensLongNamesAndKeepsThemApart) {
  const std::string first = std::string(70, 'x') + "1";
  const std::string second = std::string(70, 'x') + "2";
  EXPECT_EQ(fit_identifier(first).size(), kMaxIdentifierBytes);
  EXPECT_EQ(fit_identifier(first), fit_identifier(first));
  EXPECT_NE(fit_identifier(first), fit_identifier(second));
}

TEST(Identifier, CutsBetweenCharacters) {
  for (std::size_t shift = 0; shift < 3; ++shift) {
    std::string name(shift, 'a');
    for (int i = 0; i < 40; ++i) name += "€";
    const std::string fitted = fit_identifier(name);
    ASSERT_LE(fitted.size(), kMaxIdentifierBytes);
    const std::string kept = fitted.substr(0, fitted.rfind('_'));
    EXPECT_EQ((kept.size() - shift) % 3, 0U) << fitted;
  }
}

TEST(Identifier, ShowsNamesToPeople) {
  EXPECT_EQ((QualifiedName{"public", "users"}.display()), "users");
  EXPECT_EQ((QualifiedName{"billing", "users"}.display()), "billing.users");
  EXPECT_EQ((QualifiedName{"public", "Users"}.display()), "\"Users\"");
  EXPECT_EQ((QualifiedName{"billing", "users"}.display("billing")), "users");
  EXPECT_EQ((QualifiedName{"public", "users"}.quoted()), "\"public\".\"users\"");
}

TEST(Identifier, ParsesNames) {
  EXPECT_EQ(parse_qualified_name("users", "app"), (QualifiedName{"app", "users"}));
  EXPECT_EQ(parse_qualified_name("billing.Users", "app"), (QualifiedName{"billing", "Users"}));
  EXPECT_EQ(parse_qualified_name("\"a.b\".\"c\"\"d\"", "app"), (QualifiedName{"a.b", "c\"d"}));
  EXPECT_EQ(parse_qualified_name("x.\"y z\"", "app"), (QualifiedName{"x", "y z"}));
}

TEST(Identifier, RejectsWhatIsNoName) {
  for (const char* text : {"", ".", "a.", ".a", "a.b.c", "\"a", "\"\"", "a b", "a\"b", "\"a\"b"}) {
    EXPECT_THROW(parse_qualified_name(text, "app"), std::invalid_argument) << text;
  }
}

TEST(ArrayLiteral, QuotesEveryElement) {
  EXPECT_EQ(text_array_literal({}), "{}");
  EXPECT_EQ(text_array_literal({"a", "", "NULL", "b\"\\,{}"}),
            "{\"a\",\"\",\"NULL\",\"b\\\"\\\\,{}\"}");
}

TEST(ErrorText, IsOneReadableLine) {
  Diagnostics diagnostics;
  diagnostics.sqlstate = "23505";
  diagnostics.message = "duplicate key";
  diagnostics.detail = "Key (id)=(1)\nalready exists.";
  diagnostics.hint = "Use another.";
  EXPECT_STREQ(Error(diagnostics, "INSERT  INTO t\n VALUES (1)", false).what(),
               "duplicate key (Key (id)=(1) already exists.) (hint: Use another.) [23505] "
               "in: INSERT INTO t VALUES (1)");
  EXPECT_EQ(std::string(Error(diagnostics, std::string(1000, 'x'), false).what()).find("xxx"),
            std::string::npos);
}

}  // namespace
}  // namespace pgbackfill::sql
