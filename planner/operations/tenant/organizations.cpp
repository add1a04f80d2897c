#include "planner/operations/tenant/tenant_checks.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// Examples of a finding; more help nobody.
constexpr int kMaxListed = 10;

/// Values that must exist in tenant.references, each with where it was written.
using WantedValues = std::map<std::string, std::string>;

std::string place_of(const Position& position) {
  if (position.line == 0) return "migration file";
  return fmt::format("{}:{}", position.file, position.line);
}

WantedValues wanted_values(const PreflightContext& context) {
  WantedValues values;
  for (const ValueWork& work : context.scope.tables) {
    if (!work.needs_value || work.source == nullptr) continue;
    const ValueSource& source = *work.source;
    if (source.kind == SourceKind::kConstant) {
      values.emplace(source.constant, place_of(source.position));
    }
    if (source.otherwise.kind == Otherwise::Kind::kConstant) {
      values.emplace(source.otherwise.constant, place_of(source.position));
    }
    const LookupSpec* lookup =
        source.kind == SourceKind::kLookup ? context.spec.lookup(source.lookup) : nullptr;
    if (lookup == nullptr) continue;
    for (std::size_t i = 0; i < lookup->entries.size(); ++i) {
      const int line = i < lookup->lines.size() ? lookup->lines[i] : 0;
      values.emplace(lookup->entries[i].second, fmt::format("{}:{}", lookup->file, line));
    }
  }
  return values;
}

/// What a query of organizations gives for the referenced column; nothing when it does not run,
/// which is told where it is asked for.
std::vector<std::string> queried_values(const PreflightContext& context, const std::string& query) {
  std::vector<std::string> values;
  try {
    const sql::Result rows = context.connection.execute(
        fmt::format("SELECT q.{}::text FROM ({}) AS q",
                    quote_identifier(context.spec.tenant->references_column), query));
    for (int i = 0; i < rows.rows(); ++i) values.emplace_back(rows.text(i, 0));
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
  }
  return values;
}

/// Values of the referenced column that the job itself is going to insert.
std::vector<std::string> ensured_values(const PreflightContext& context) {
  std::vector<std::string> values;
  for (const ComingValue& coming : context.scope.of<ComingValue>()) {
    if (coming.table != context.scope.references) continue;
    if (!coming.query.empty()) {
      append(values, queried_values(context, coming.query));
    } else if (coming.column == context.spec.tenant->references_column) {
      values.push_back(coming.value);
    }
  }
  return values;
}

void look_for_organizations(PreflightContext& context) {
  const WantedValues wanted = wanted_values(context);
  if (wanted.empty()) return;
  std::vector<std::string> values;
  for (const auto& [value, place] : wanted) values.push_back(value);
  const std::string references = context.scope.references.quoted();
  std::string column = quote_identifier(context.spec.tenant->references_column);
  const sql::Table* table = context.catalog.table(context.scope.references);
  // It is of another type while the job has yet to convert it.
  if (table != nullptr &&
      normalise_type(column_type(*table, context.spec.tenant->references_column)) !=
          context.tenant_type) {
    column += "::" + context.tenant_type;
  }
  const std::string label = context.scope.references.display(context.spec.schema);
  const sql::Result missing = context.connection.execute(
      fmt::format("SELECT v FROM unnest($1::text[]) AS v WHERE NOT EXISTS (SELECT FROM {0} AS r "
                  "WHERE r.{1} = v::{2}) AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS e WHERE "
                  "e::{2} = v::{2}) ORDER BY v",
                  references, column, context.tenant_type),
      {sql::text_array_literal(values), sql::text_array_literal(ensured_values(context))});
  if (missing.rows() == 0) return;
  std::vector<std::string> listed;
  for (int i = 0; i < std::min(missing.rows(), kMaxListed); ++i) {
    const std::string value(missing.text(i, 0));
    const auto found = wanted.find(value);
    listed.push_back(fmt::format("{} ({})", value, found == wanted.end() ? "?" : found->second));
  }
  if (missing.rows() > kMaxListed) {
    listed.push_back(fmt::format("and {} more", missing.rows() - kMaxListed));
  }
  context.refuse(label,
                 fmt::format("{} value{} that rows are to get {} not in it: {}", missing.rows(),
                             missing.rows() == 1 ? "" : "s", missing.rows() == 1 ? "is" : "are",
                             join(listed, ", ")),
                 "insert them first, or have [[ensure]] do it");
}

}  // namespace

void check_organizations(PreflightContext& context) {
  if (!context.spec.tenant) return;
  try {
    look_for_organizations(context);
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    context.refuse(context.scope.references.display(context.spec.schema),
                   fmt::format("its data cannot be checked: {}", error.diagnostics().message),
                   "run as a role that may read the table");
  }
}

}  // namespace pgbackfill::planner
