#include "planner/preflight/needs.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/values/value_plan.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

std::string_view last_word(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  if (!text.empty() && text.back() == ',') return ",";
  std::size_t begin = text.size();
  while (begin > 0 && std::isalpha(static_cast<unsigned char>(text[begin - 1]))) --begin;
  return text.substr(begin);
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

/// The expression has the table in a FROM clause, as far as a look at its text can tell.
bool reads_from(std::string_view expression, const sql::QualifiedName& table) {
  for (const std::string& name : {table.name, quote_identifier(table.name),
                                  table.schema + "." + table.name, table.quoted()}) {
    for (std::size_t at = expression.find(name); at != std::string_view::npos;
         at = expression.find(name, at + 1)) {
      const std::string_view before = last_word(expression.substr(0, at));
      const char after = at + name.size() < expression.size() ? expression[at + name.size()] : ' ';
      const bool whole = std::isalnum(static_cast<unsigned char>(after)) == 0 && after != '_';
      if (whole && (same_word(before, "from") || same_word(before, "join") || before == ",")) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

void need_values(const PreflightContext& context, const std::vector<ValueWork>& values,
                 Needs& needs) {
  for (const ValueWork& work : values) {
    needs.alter(*work.table, work.needs_value && !work.by_catalog, work.name);
    if (!work.needs_value || work.source == nullptr) continue;
    // The parent of a [[table]] is one of the job's tables itself.
    if (work.spec == nullptr && work.source->kind == SourceKind::kParent) {
      const auto parent =
          context.catalog.table(resolve_name(work.source->parent, context.spec.schema));
      if (parent != nullptr) needs.read.insert(parent);
    }
    if (work.source->kind != SourceKind::kSql) continue;
    for (const sql::Table& table : context.catalog.tables) {
      if (reads_from(work.source->expression, table.name)) needs.read.insert(&table);
    }
  }
}

}  // namespace pgbackfill::planner
