#include "planner/values/value_losses.hpp"

#include "planner/plan/losses.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// Entries of a lookup up to which a plan asks the lookup itself.
constexpr std::size_t kMaxAskedEntries = 1000;

/// The row t joined with what it takes its value from, and that as an expression; NULL where
/// there is none.
struct Source {
  std::string join;
  std::string value;
};

Source lookup_source(const PlanContext& context, const ValueWork& work, const std::string& type) {
  const LookupSpec& lookup = *context.spec.lookup(work.source->lookup);
  const std::string key_type = lookup_key_type(context.scope, lookup.name);
  // The ledger's copy is gone when the job is finished.
  std::vector<std::string> rows{fmt::format("(NULL::{}, NULL::{})", key_type, type)};
  for (const auto& [key, value] : lookup.entries) {
    rows.push_back(fmt::format("({}, {})", quote_literal(key), quote_literal(value)));
  }
  return {fmt::format("LEFT JOIN (VALUES {}) AS s (key, value) ON s.key = t.{}{}", join(rows, ", "),
                      quote_identifier(work.source->key), key_type == "text" ? "::text" : ""),
          "s.value"};
}

Source parent_source(const PlanContext& context, const ValueWork& work, const std::string& type) {
  const auto name = resolve_name(work.source->parent, context.spec.schema);
  const sql::Table& parent = *context.catalog.table(name);
  return {fmt::format("LEFT JOIN {} AS s ON s.{} = t.{}", name.quoted(),
                      quote_identifier(parent_key(*work.table, work.source->key, parent).value()),
                      quote_identifier(work.source->key)),
          fmt::format("s.{}::{}", quote_identifier(work.parent_column()), type)};
}

}  // namespace

std::vector<std::string> added_column_losses(const PlanContext& context, const ValueWork& work) {
  const std::string& column = work.name;
  const ValueSource& source = *work.source;
  const std::string& type = work.type;
  const std::string own = "t." + quote_identifier(column);
  std::vector<std::string> losses{column_dependents(work.table->name, work.label, column)};
  if (source.kind == SourceKind::kLookup &&
      context.spec.lookup(source.lookup)->entries.size() > kMaxAskedEntries) {
    losses.push_back(fmt::format(
        "SELECT {}, false",
        quote_literal(fmt::format("{}: what {} says beyond lookup {} (which is too long to be "
                                  "compared here) is lost with the column",
                                  work.label, column, source.lookup))));
    return losses;
  }
  Source from{"", filled_expression(context, work)};
  if (source.kind == SourceKind::kLookup) from = lookup_source(context, work, type);
  if (source.kind == SourceKind::kParent) from = parent_source(context, work, type);
  if (source.otherwise.kind == Otherwise::Kind::kConstant) {
    from.value = fmt::format("coalesce({}, {})", from.value,
                             constant_expression(source.otherwise.constant, type));
  }
  const std::string other = source.kind == SourceKind::kConstant
                                ? fmt::format("other than {}", source.constant)
                                : "other than the one that their source gives";
  const bool tenant = work.spec != nullptr;
  losses.push_back(fmt::format(
      "SELECT {0} || count(*) || CASE count(*) WHEN 1 THEN {6} ELSE {7} END || {1}, false FROM {2} "
      "AS "
      "t {3} WHERE {4} IS NOT NULL AND {4} IS DISTINCT FROM {5} HAVING count(*) > 0",
      quote_literal(work.label + ": "),
      quote_literal(fmt::format(" {} {}; that is lost with the column {}",
                                tenant ? "to an organization" : "value", other, column)),
      work.table->name.quoted(), from.join, own, from.value,
      quote_literal(tenant ? " row belongs" : " row has a"),
      quote_literal(tenant ? " rows belong" : " rows have a")));
  return losses;
}

std::string kept_values(const PlanContext& context, const ValueWork& work) {
  return fmt::format(
      "SELECT {} || sum(rows) || ' values that it wrote into the column stay', false FROM "
      "pgbackfill.range WHERE job_id = (SELECT max(job_id) FROM pgbackfill.job) AND step_id IN "
      "({}) HAVING sum(rows) > 0",
      quote_literal(fmt::format("{}: {} was there before the job, so the ", work.label, work.name)),
      literal_list(backfill_ids(context, *work.table)));
}

}  // namespace pgbackfill::planner
