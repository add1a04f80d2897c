#include "planner/spec_resolution.hpp"

#include <stdexcept>

namespace pgbackfill::planner {

const ValueSource* effective_value(const JobSpec& spec, const TableSpec& table) {
  if (table.value) return &*table.value;
  return spec.tenant && spec.tenant->value ? &*spec.tenant->value : nullptr;
}

sql::QualifiedName resolve_name(std::string_view written, const std::string& schema) {
  try {
    return sql::parse_qualified_name(written, schema);
  } catch (const std::invalid_argument&) {
    return {"", std::string(written)};
  }
}

std::filesystem::path beside_file(const std::string& migration_file, const std::string& file) {
  return std::filesystem::path(migration_file).parent_path() / file;
}

std::optional<ColumnReference> split_column(std::string_view written) {
  // The last dot outside quotes separates the column.
  std::size_t dot = std::string_view::npos;
  bool quoted = false;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '"') quoted = !quoted;
    if (written[i] == '.' && !quoted) dot = i;
  }
  if (dot == std::string_view::npos) return std::nullopt;
  try {
    const std::string_view table = written.substr(0, dot);
    static_cast<void>(sql::parse_qualified_name(table, "public"));
    return ColumnReference{std::string(table),
                           sql::parse_qualified_name(written.substr(dot + 1), "").name};
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

std::string expand_name(std::string_view name_template, std::string_view table,
                        std::string_view column, std::string_view references) {
  std::string result;
  const auto take = [&](std::string_view placeholder, std::string_view value) {
    if (!name_template.starts_with(placeholder)) return false;
    result += value;
    name_template.remove_prefix(placeholder.size());
    return true;
  };
  while (!name_template.empty()) {
    if (take("{table}", table) || take("{column}", column) || take("{references}", references)) {
      continue;
    }
    result += name_template.front();
    name_template.remove_prefix(1);
  }
  return result;
}

}  // namespace pgbackfill::planner
