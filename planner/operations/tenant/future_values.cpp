#include "planner/operations/tenant/future_values.hpp"

#include "planner/plan/step_builder.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

using sql::quote_identifier;

std::optional<std::string> FutureValues::rows(const ValueWork& work) {
  const auto value = value_of(work);
  if (!value) return std::nullopt;
  std::string given = value->value;
  if (work.column != nullptr) {
    std::string own = "t." + quote_identifier(work.column->name);
    // One that the job is going to convert is of another type than the others still.
    if (normalise_type(work.column->type) != context_.tenant_type) {
      own += "::" + context_.tenant_type;
    }
    given = work.needs_value ? fmt::format("COALESCE({}, {})", own, given) : own;
  }
  return fmt::format("(SELECT t.*, {} AS \"pgbackfill value\" FROM {} AS t{})", given,
                     work.table->name.quoted(), value->join);
}

std::optional<FutureValues::Value> FutureValues::value_of(const ValueWork& work) {
  if (!work.needs_value) return Value{"", "NULL"};
  if (work.source == nullptr) return std::nullopt;
  const std::string& type = context_.tenant_type;
  switch (work.source->kind) {
    case SourceKind::kConstant:
      return Value{"", constant_expression(work.source->constant, type)};
    case SourceKind::kLookup:
      return lookup(work);
    case SourceKind::kParent:
      return parent(work);
    case SourceKind::kSql:
      break;
  }
  return expression(work);
}

std::string FutureValues::otherwise(const ValueWork& work) const {
  const Otherwise& otherwise = work.source->otherwise;
  return otherwise.kind == Otherwise::Kind::kConstant
             ? constant_expression(otherwise.constant, context_.tenant_type)
             : "NULL::" + context_.tenant_type;
}

std::optional<FutureValues::Value> FutureValues::lookup(const ValueWork& work) {
  const LookupSpec* spec = context_.spec.lookup(work.source->lookup);
  if (spec == nullptr) return std::nullopt;
  const auto [place, added] = places_.emplace(spec->name, params_.size() + 1);
  if (added) {
    std::vector<std::string> keys;
    std::vector<std::string> values;
    for (const auto& [key, value] : spec->entries) {
      keys.push_back(key);
      values.push_back(value);
    }
    params_.emplace_back(sql::text_array_literal(keys));
    params_.emplace_back(sql::text_array_literal(values));
  }
  const std::string key_type = lookup_key_type(context_.scope, spec->name);
  const std::string key = "t." + quote_identifier(work.source->key);
  return Value{fmt::format(" LEFT JOIN (SELECT k::{} AS k, v::{} AS v FROM "
                           "unnest(${}::text[], ${}::text[]) AS e (k, v)) AS l ON l.k = {}{}",
                           key_type, context_.tenant_type, place->second, place->second + 1, key,
                           key_type == "text" ? "::text" : ""),
               fmt::format("COALESCE(l.v, {})", otherwise(work))};
}

std::optional<FutureValues::Value> FutureValues::parent(const ValueWork& work) {
  const ValueWork* above =
      context_.scope.tenant_column(resolve_name(work.source->parent, context_.spec.schema));
  if (above == nullptr) return std::nullopt;
  const auto key = parent_key(*work.table, work.source->key, *above->table);
  const auto rows_above = rows(*above);
  if (!key || !rows_above) return std::nullopt;
  return Value{fmt::format(" LEFT JOIN {} AS p ON p.{} = t.{}", *rows_above, quote_identifier(*key),
                           quote_identifier(work.source->key)),
               fmt::format("CASE WHEN p.{} IS NULL THEN {} ELSE p.\"pgbackfill value\" END",
                           quote_identifier(*key), otherwise(work))};
}

/// Most expressions read the columns that the job is going to add.
std::optional<FutureValues::Value> FutureValues::expression(const ValueWork& work) {
  Value value{"", fmt::format("COALESCE((SELECT ({}) FROM (SELECT t.*) AS {})::{}, {})",
                              work.source->expression, quote_identifier(work.table->name.name),
                              context_.tenant_type, otherwise(work))};
  try {
    context_.connection.execute(
        fmt::format("EXPLAIN SELECT {} FROM {} AS t", value.value, work.table->name.quoted()));
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    return std::nullopt;
  }
  return value;
}

}  // namespace pgbackfill::planner
