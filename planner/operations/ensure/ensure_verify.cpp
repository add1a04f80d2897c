#include "planner/operations/ensure/ensure_checks.hpp"
#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {

void verify_ensured_rows(VerifyContext& context) {
  for (const EnsureSpec& wanted : context.spec.of<EnsureSpec>()) {
    const sql::QualifiedName name = sql::parse_qualified_name(wanted.table, context.spec.schema);
    const std::string label = name.display(context.spec.schema);
    if (context.catalog.table(name) == nullptr) {
      context.expect(label, "ensured-row", false, "the table does not exist");
      continue;
    }
    std::vector<std::string> predicates;
    std::vector<std::string> words;
    for (const auto& [column, value] : wanted.row) {
      if (std::find(wanted.key.begin(), wanted.key.end(), column) == wanted.key.end()) continue;
      predicates.push_back(
          fmt::format("{} = {}", qualified_column("t", column), sql::quote_literal(value)));
      words.push_back(fmt::format("{}={}", column, value));
    }
    if (predicates.empty()) continue;
    const bool found = context.connection
                           .execute(fmt::format("SELECT EXISTS (SELECT FROM {} AS t WHERE {})",
                                                name.quoted(), fmt::join(predicates, " AND ")))
                           .boolean(0, 0);
    context.expect(label, "ensured-row", found,
                   fmt::format("there is no row with {}", fmt::join(words, ", ")));
  }
}

}  // namespace pgbackfill::planner
