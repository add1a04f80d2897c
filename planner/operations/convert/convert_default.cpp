#include "planner/operations/convert/convert_work.hpp"
#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <optional>
#include <regex>

namespace pgbackfill::planner {
namespace {

/// A constant and nothing but: 'a'::text, 5, '-5'::integer, NULL::text.
bool is_literal(const std::string& expression) {
  static const std::regex literal(R"((-?[0-9]+|NULL|'([^']|'')*')(::[a-z ]+(\([0-9]+\))?)?)");
  return std::regex_match(expression, literal);
}

/// What the server makes of it, without letting it change anything.
std::optional<std::string> evaluate(sql::Connection& connection, const std::string& expression) {
  std::optional<sql::Transaction> unchanged;
  if (!connection.in_transaction()) unchanged.emplace(connection, "BEGIN READ ONLY");
  return connection.execute(fmt::format("SELECT ({})::text", expression)).optional_text(0, 0);
}

}  // namespace

ConvertedDefault convert_default(sql::Connection& connection, const ConvertColumn& column) {
  const auto& expression = column.column->default_expression;
  if (!expression) return {};
  // Already a bigint, and to evaluate it would take a number from the sequence.
  if (column.type == "bigint" && expression->starts_with("nextval("))
    return {true, *expression, ""};
  const bool padded = column.column->type.starts_with("character(");
  const std::string cast =
      fmt::format("({}){}::{}", *expression, padded ? "::text" : "", column.type);
  try {
    const auto value = evaluate(connection, cast);
    if (!is_literal(*expression)) return {true, cast, ""};
    return {true, value ? constant_expression(*value, column.type) : "", ""};
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    return {false, "", error.diagnostics().message};
  }
}

}  // namespace pgbackfill::planner
