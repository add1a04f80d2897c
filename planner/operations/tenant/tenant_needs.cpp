#include "planner/operations/tenant/tenant_checks.hpp"

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

void need_tenant_tables(const PreflightContext& context, Needs& needs) {
  for (const TableWork& work : context.scope.tables) {
    needs.alter(*work.table, work.needs_value && !work.by_catalog, context.spec.tenant->column);
    // A parent is a table of the job.
    if (!work.needs_value || work.source == nullptr || work.source->kind != SourceKind::kSql) {
      continue;
    }
    for (const sql::Table& table : context.catalog.tables) {
      if (reads_from(work.source->expression, table.name)) needs.read.insert(&table);
    }
  }
  const sql::Table* references = context.catalog.table(context.scope.references);
  if (references == nullptr) return;
  needs.read.insert(references);
  if (context.scope.tables.empty()) return;
  const std::vector<std::string> column{context.spec.tenant->references_column};
  // Without SELECT the server checks foreign keys row by row instead of by a join.
  needs.uses.push_back({references, "REFERENCES", column, "the foreign keys need it"});
  needs.uses.push_back({references, "SELECT", column, "the job reads it"});
}

}  // namespace pgbackfill::planner
