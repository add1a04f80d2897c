#include "planner/operations/enum/enum_work.hpp"
#include "planner/spec_resolution.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace pgbackfill::planner {
namespace {

/// The label of a default such as 'user'::user_role; nullopt for anything else.
std::optional<std::string> plain_label(std::string_view expression) {
  const bool escaped = expression.starts_with("E'");
  if (!escaped && !expression.starts_with("'")) return std::nullopt;
  std::string label;
  for (std::size_t i = escaped ? 2 : 1; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\'' || (escaped && c == '\\')) {
      if (i + 1 < expression.size() && expression[i + 1] == c) {
        ++i;
      } else if (c == '\'') {
        const std::string_view rest = expression.substr(i + 1);
        const bool only_a_cast = rest.starts_with("::") &&
                                 rest.find_first_of("()|+") == std::string_view::npos &&
                                 rest.find("::", 2) == std::string_view::npos;
        return only_a_cast ? std::optional(label) : std::nullopt;
      } else {
        return std::nullopt;
      }
    }
    label.push_back(c);
  }
  return std::nullopt;
}

EnumColumnWork resolve_enum_column(const JobSpec& spec, const sql::Table& table,
                                   const sql::Column& column) {
  EnumColumnWork work;
  work.table = &table;
  work.column = &column;
  work.label = table.name.display(spec.schema);
  work.shadow = sql::fit_identifier("pgbackfill_new_" + column.name);
  work.old_name = sql::fit_identifier("pgbackfill_old_" + column.name);
  if (column.default_expression && !column.default_expression->starts_with("NULL::")) {
    work.default_label = plain_label(*column.default_expression);
    work.default_understood = work.default_label.has_value();
  }
  return work;
}

void map_labels(EnumWork& work) {
  const EnumSpec& spec = *work.spec;
  const auto wanted = [&](const std::string& label) {
    return std::find(spec.values.begin(), spec.values.end(), label) != spec.values.end();
  };
  for (const std::string& label : work.type->labels) {
    if (const auto found = spec.map.find(label); found != spec.map.end()) {
      work.remap.emplace_back(label, found->second);
    } else if (wanted(label)) {
      work.remap.emplace_back(label, label);
    } else if (spec.on_unmapped) {
      work.remap.emplace_back(label, *spec.on_unmapped);
    } else {
      work.unmapped.push_back(label);
    }
  }
}

bool already_equal(const EnumWork& work) {
  // A label that the file maps elsewhere still has rows to change, even if the lists agree.
  for (const auto& [from, to] : work.remap) {
    if (from != to) return false;
  }
  if (work.spec->strict_order) return work.type->labels == work.spec->values;
  return std::set(work.type->labels.begin(), work.type->labels.end()) ==
         std::set(work.spec->values.begin(), work.spec->values.end());
}

bool can_rename(const EnumWork& work) {
  if (!work.unmapped.empty()) return false;
  std::set<std::string> targets;
  auto position = work.spec->values.begin();
  for (const auto& [from, to] : work.remap) {
    if (!targets.insert(to).second) return false;
    const auto found = std::find(work.spec->values.begin(), work.spec->values.end(), to);
    if (found == work.spec->values.end()) return false;
    if (work.spec->strict_order && found < position) return false;
    position = found;
  }
  return true;
}

}  // namespace

std::optional<EnumWork> resolve_enum(const JobSpec& spec, const sql::Catalog& catalog,
                                     const EnumSpec& enum_spec) {
  const sql::EnumType* type = catalog.enum_type(resolve_name(enum_spec.type, spec.schema));
  if (type == nullptr) return std::nullopt;
  EnumWork work;
  work.spec = &enum_spec;
  work.type = type;
  work.shadow_type = {type->name.schema, sql::fit_identifier("pgbackfill_new_" + type->name.name)};
  work.old_type = {type->name.schema, sql::fit_identifier("pgbackfill_old_" + type->name.name)};
  map_labels(work);
  if (already_equal(work)) return work;
  work.path = can_rename(work) ? EnumPath::kRename : EnumPath::kShadow;
  for (const sql::EnumColumn& used : type->columns) {
    const sql::Table* table = catalog.table(used.table);
    const sql::Column* column = table == nullptr ? nullptr : table->column(used.column);
    if (column != nullptr) work.columns.push_back(resolve_enum_column(spec, *table, *column));
  }
  return work;
}

}  // namespace pgbackfill::planner
