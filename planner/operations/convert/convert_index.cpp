#include "planner/operations/convert/convert_work.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/statements.hpp"

#include <algorithm>

namespace pgbackfill::planner {

std::vector<ConvertIndex> convert_indexes(sql::Connection& connection, const ConvertTable& table) {
  std::vector<std::string> columns;
  std::vector<std::string> shadows;
  std::vector<std::string> olds;
  for (const ConvertColumn* column : table.columns) {
    columns.push_back(column->column->name);
    shadows.push_back(column->shadow);
    olds.push_back(column->old_name);
  }
  std::vector<ConvertIndex> indexes;
  for (const sql::Index& index : table.table->indexes) {
    const bool concerned = std::any_of(columns.begin(), columns.end(), [&](const auto& column) {
      return index_uses(index, column);
    });
    // An invalid index is a failed build: there is nothing to carry over.
    if (!concerned || !index.valid) continue;
    const sql::QualifiedName name{table.table->name.schema, index.name};
    ConvertIndex work;
    work.name = index.name;
    work.shadow_name = sql::fit_identifier("pgbackfill_conv_" + index.name);
    work.kept_name = sql::fit_identifier("pgbackfill_kept_" + index.name);
    work.unique = index.unique;
    work.primary = index.primary;
    work.constraint = index.backs_constraint && !index.primary;
    work.clustered = index.clustered;
    work.definition = index_definition(connection, name, columns, shadows);
    work.old_definition = index_definition(connection, name, {}, {});
    work.kept_definition = index_definition(connection, name, columns, olds);
    const sql::Result traits = connection.execute(
        sql::statement("convert_index_traits"), {name.quoted(), sql::text_array_literal(columns)});
    for (const int comment : {2, 3}) {
      if (auto text = traits.optional_text(0, comment)) work.comments.push_back(*text);
    }
    indexes.push_back(std::move(work));
  }
  return indexes;
}

}  // namespace pgbackfill::planner
