#include "engine/backfill/resolver.hpp"

#include "planner/backfill/batch_sql.hpp"
#include "sql/binary_codec.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace pgbackfill::engine {
namespace {

using planner::ResolveKind;

/// Types without a binary form of ours travel as text, as they are.
std::string encode(sql::WireType type, std::string_view text, const std::string& what) {
  if (type == sql::WireType::kOther || type == sql::WireType::kEnum) return std::string(text);
  auto bytes = sql::encode_text(type, text);
  if (!bytes)
    throw std::runtime_error(fmt::format("{}: '{}' is not a value of the type", what, text));
  return *std::move(bytes);
}

}  // namespace

Resolver::Resolver(const planner::TableBackfill& table, const planner::JobSpec& spec) {
  for (const planner::Assignment& assignment : table.assignments) {
    const sql::WireType value_type = planner::value_wire_type(assignment);
    const std::string what = table.table.display() + "." + assignment.column;
    Column column;
    column.kind = assignment.resolve;
    if (assignment.resolve == ResolveKind::kConstant) {
      column.fallback = encode(value_type, assignment.constant, what);
    } else if (assignment.otherwise.kind == planner::Otherwise::Kind::kConstant) {
      column.fallback = encode(value_type, assignment.otherwise.constant, what);
    }
    if (assignment.resolve == ResolveKind::kLookup) {
      const planner::LookupSpec* lookup = spec.lookup(assignment.lookup);
      if (lookup == nullptr) {
        throw std::runtime_error(what + ": no lookup is named " + assignment.lookup);
      }
      const sql::WireType key_type = planner::input_wire_type(assignment);
      for (const auto& [key, value] : lookup->entries) {
        column.values.emplace(encode(key_type, key, what), encode(value_type, value, what));
      }
    }
    for (const auto& [from, to] : assignment.remap) column.values.emplace(from, to);
    columns_.push_back(std::move(column));
  }
}

std::optional<std::string_view> Resolver::value(std::size_t index,
                                                std::optional<std::string_view> read) const {
  const Column& column = columns_.at(index);
  if (read && column.kind == ResolveKind::kServer) return read;
  if (read && !column.values.empty()) {
    const auto found = column.values.find(*read);
    if (found != column.values.end()) return found->second;
  }
  if (column.fallback) return *column.fallback;
  return std::nullopt;
}

}  // namespace pgbackfill::engine
