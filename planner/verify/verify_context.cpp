#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::planner {
namespace {

constexpr int kExamples = 3;

}  // namespace

bool VerifyReport::passed() const noexcept {
  return std::all_of(checks.begin(), checks.end(),
                     [](const VerifyCheck& check) { return check.passed || check.skipped; });
}

void VerifyContext::expect(std::string object, std::string_view name, bool passed,
                           std::string message, std::vector<std::string> mend) {
  if (passed) {
    message.clear();
    mend.clear();
  }
  report.checks.push_back(
      {std::move(object), std::string(name), passed, std::move(message), false, std::move(mend)});
}

std::string qualified_column(std::string_view alias, std::string_view column) {
  return fmt::format("{}.{}", alias, sql::quote_identifier(column));
}

std::string key_expression(const sql::Table& table, std::string_view alias) {
  const sql::Index* key = table.row_key();
  if (key == nullptr) return fmt::format("'ctid=' || {}.ctid::text", alias);
  std::vector<std::string> parts;
  for (const std::string& column : key->columns) {
    parts.push_back(fmt::format("{} || {}::text", sql::quote_literal(column + "="),
                                qualified_column(alias, column)));
  }
  return fmt::format("concat_ws(', ', {})", fmt::join(parts, ", "));
}

std::string describe_rows(sql::Connection& connection, const std::string& from_where,
                          const std::string& key) {
  const std::int64_t count = connection.execute("SELECT count(*) FROM " + from_where).integer(0, 0);
  if (count == 0) return {};
  const sql::Result result =
      connection.execute(fmt::format("SELECT {} FROM {} LIMIT {}", key, from_where, kExamples));
  std::vector<std::string> examples;
  for (int row = 0; row < result.rows(); ++row) {
    examples.push_back(fmt::format("({})", result.text(row, 0)));
  }
  return fmt::format("{} row{}, for example {}", count, count == 1 ? "" : "s",
                     fmt::join(examples, ", "));
}

std::string canonical_type(sql::Connection& connection, const std::string& type) {
  // A regtype has no type modifier, so that part is put back by hand.
  const std::size_t open = type.find('(');
  const std::size_t close = open == std::string::npos ? open : type.find(')', open);
  std::string base = type;
  std::string modifier;
  if (close != std::string::npos) {
    modifier = type.substr(open, close - open + 1);
    modifier.erase(std::remove(modifier.begin(), modifier.end(), ' '), modifier.end());
    base.erase(open, close - open + 1);
  }
  const sql::Result result = connection.execute("SELECT to_regtype($1)::text", {base});
  return result.is_null(0, 0) ? type : std::string(result.text(0, 0)) + modifier;
}

}  // namespace pgbackfill::planner
