#include "planner/operations/enum/enum_index.hpp"

#include "planner/plan/step_builder.hpp"

#include <algorithm>

namespace pgbackfill::planner {

std::vector<EnumIndex> enum_indexes(sql::Connection& connection, const EnumWork& work,
                                    const sql::Table& table) {
  std::vector<std::string> columns;
  std::vector<std::string> shadows;
  std::vector<std::string> old_names;
  for (const EnumColumnWork& column : work.columns) {
    if (column.table != &table) continue;
    columns.push_back(column.column->name);
    shadows.push_back(column.shadow);
    old_names.push_back(column.old_name);
  }
  std::vector<EnumIndex> indexes;
  for (const sql::Index& index : table.indexes) {
    const bool concerned = std::any_of(columns.begin(), columns.end(), [&](const auto& column) {
      return index_uses(index, column);
    });
    // An invalid index is a failed build: there is nothing to carry over.
    if (!concerned || !index.valid) continue;
    const auto over = [&](const std::vector<std::string>& names) {
      return index_definition(connection, {table.name.schema, index.name}, columns, names);
    };
    indexes.push_back({index.name, sql::fit_identifier("pgbackfill_new_" + index.name),
                       sql::fit_identifier("pgbackfill_old_" + index.name), index.unique,
                       index.clustered, over(shadows), over(old_names)});
  }
  return indexes;
}

}  // namespace pgbackfill::planner
