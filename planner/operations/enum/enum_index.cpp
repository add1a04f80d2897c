#include "planner/operations/enum/enum_index.hpp"

#include "planner/plan/step_builder.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

/// One index read part by part, each rewritten.
class IndexReader {
 public:
  IndexReader(const sql::Result& rows, int row, const LabelRules& rules)
      : rows_(rows), row_(row), rules_(rules) {}

  EnumIndex read() {
    EnumIndex index;
    index.keys = rewritten(rows_.text_array(row_, 1));
    const auto included = rewritten(rows_.text_array(row_, 3));
    if (!rows_.text(row_, 5).empty()) index.predicate = rewritten(rows_.text(row_, 5));
    index.definition = definition(index.keys, included, index.predicate);
    index.definition_in_place = definition(rows_.text_array(row_, 1), rows_.text_array(row_, 3),
                                           std::string(rows_.text(row_, 5)));
    index.object = rows_.text(row_, 6);
    index.constraint_object = rows_.text(row_, 7);
    if (!rows_.text(row_, 8).empty()) index.constraint_kind = rows_.text(row_, 8).front();
    index.deferrable = rows_.boolean(row_, 9);
    index.comment = optional(10);
    index.constraint_comment = optional(11);
    index.keys_to_it = rows_.text_array(row_, 12);
    index.targets = rows_.text_array(row_, 13);
    index.constraint_clause = rows_.text(row_, 14);
    if (index.built_as_constraint()) {
      index.constraint_definition = rewritten(index.constraint_clause);
    }
    index.storage_changes = rows_.text_array(row_, 17);
    index.nulls_alike = rows_.boolean(row_, 15);
    index.rewritten = std::move(met_);
    return index;
  }

  bool changed() const { return changed_; }

 private:
  std::string definition(std::vector<std::string> keys, const std::vector<std::string>& included,
                         const std::string& predicate) const {
    const auto manners = rows_.text_array(row_, 2);
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] += manners[i];
    return fmt::format("USING {} ({}){}{}{}", sql::quote_identifier(rows_.text(row_, 0)),
                       join(keys, ", "),
                       included.empty() ? "" : fmt::format(" INCLUDE ({})", join(included, ", ")),
                       rows_.text(row_, 4), predicate.empty() ? "" : " WHERE " + predicate);
  }

  std::string rewritten(std::string_view text) {
    RewrittenText result = rewrite_labels(text, rules_);
    changed_ = changed_ || result.text != text;
    met_.labels.merge(result.labels);
    met_.plain_texts.merge(result.plain_texts);
    met_.opaque_literals = met_.opaque_literals || result.opaque_literals;
    return std::move(result.text);
  }

  std::vector<std::string> rewritten(std::vector<std::string> texts) {
    for (std::string& text : texts) text = rewritten(std::string_view(text));
    return texts;
  }

  std::optional<std::string> optional(int column) const {
    if (rows_.is_null(row_, column)) return std::nullopt;
    return std::string(rows_.text(row_, column));
  }

  const sql::Result& rows_;
  const int row_;
  const LabelRules& rules_;
  RewrittenText met_;
  bool changed_ = false;
};

}  // namespace

void add_label_types(const EnumWork& work, LabelRules& rules) {
  LabelType type;
  if (work.back) {
    for (const std::string& label : work.type->labels) type.labels.emplace(label, label);
  } else {
    type.labels.insert(work.remap.begin(), work.remap.end());
  }
  for (const EnumDomainWork& domain : work.domains) {
    type.array = domain.domain->array;
    rules.types[domain.domain->name] = type;
  }
  type.array = false;
  rules.types[work.type->name] = std::move(type);
  for (const EnumCompositeWork& composite : work.composites) {
    rules.opaque_types.insert(composite.composite->name);
  }
}

LabelRules shadow_rules(const EnumWork& work) {
  LabelRules rules;
  add_label_types(work, rules);
  rules.new_types[work.type->name] = work.shadow_type;
  for (const EnumDomainWork& domain : work.domains) {
    rules.new_types[domain.domain->name] = domain.shadow;
  }
  for (const EnumCompositeWork& composite : work.composites) {
    rules.new_types[composite.composite->name] = composite.shadow;
  }
  return rules;
}

LabelRules shadow_rules(const EnumWork& work, const sql::Table& table) {
  LabelRules rules = shadow_rules(work);
  for (const EnumColumnWork& column : work.columns) {
    if (column.table == &table) rules.new_columns[column.column->name] = column.shadow;
  }
  return rules;
}

RewrittenText rewritten_default(sql::Connection& connection, const EnumWork& work,
                                const EnumColumnWork& column) {
  sql::Transaction undone(connection);
  connection.execute("SET LOCAL search_path = pg_catalog");
  const sql::Result row = connection.execute(
      "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d JOIN pg_attribute AS a "
      "ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attrelid = $1::regclass "
      "AND a.attname = $2",
      {column.table->name.quoted(), column.column->name});
  return rewrite_labels(row.text(0, 0), shadow_rules(work, *column.table));
}

namespace {

std::vector<IndexPart> index_parts(sql::Connection& connection, const sql::QualifiedName& index) {
  const sql::Result rows = connection.execute(sql::statement("enum_index_parts"), {index.quoted()});
  const auto optional = [&](int row, int column) -> std::optional<std::string> {
    if (rows.is_null(row, column)) return std::nullopt;
    return std::string(rows.text(row, column));
  };
  std::vector<IndexPart> parts;
  for (int i = 0; i < rows.rows(); ++i) {
    parts.push_back({std::string(rows.text(i, 0)),
                     {std::string(rows.text(i, 1)), std::string(rows.text(i, 2))},
                     rows.boolean(i, 3),
                     optional(i, 4),
                     optional(i, 5),
                     rows.boolean(i, 6),
                     rows.boolean(i, 7)});
  }
  return parts;
}

}  // namespace

std::vector<EnumIndex> enum_indexes(sql::Connection& connection, const EnumWork& work,
                                    const sql::Table& table) {
  const LabelRules rules = shadow_rules(work, table);
  std::vector<const sql::Index*> read;
  std::vector<std::string> names;
  for (const sql::Index& index : table.indexes) {
    // An invalid index is a failed build: there is nothing to carry over.
    if (!index.valid) continue;
    read.push_back(&index);
    names.push_back(sql::QualifiedName{table.name.schema, index.name}.quoted());
  }
  std::vector<EnumIndex> indexes;
  if (read.empty()) return indexes;
  auto known = work.index_rows->find(&table);
  if (known == work.index_rows->end()) {
    sql::Transaction undone(connection);
    connection.execute("SET LOCAL search_path = pg_catalog");
    known = work.index_rows
                ->emplace(&table, connection.execute(sql::statement("enum_index"),
                                                     {sql::text_array_literal(names)}))
                .first;
  }
  const sql::Result& rows = known->second;
  for (int row = 0; row < rows.rows(); ++row) {
    const sql::Index& index = *read.at(static_cast<std::size_t>(rows.integer(row, 16) - 1));
    IndexReader reader(rows, row, rules);
    EnumIndex found = reader.read();
    if (!reader.changed() || work.built_anew.contains(found.object) ||
        work.built_anew.contains(found.constraint_object)) {
      continue;
    }
    found.index = &index;
    found.shadow_name = work.shadow_name(index.name);
    found.aside_name = work.aside_name(index.name);
    if (table.kind == 'p') {
      found.parts = index_parts(connection, {table.name.schema, index.name});
    }
    indexes.push_back(std::move(found));
  }
  return indexes;
}

IndexRequest index_request(const EnumTable& columns, const EnumIndex& index,
                           const std::string& name, const std::string& definition) {
  IndexRequest request{columns.table, columns.label, name, index.index->unique, definition};
  request.by_partition = columns.table->kind == 'p';
  request.leaves_alone = request.by_partition && index.constraint_kind != ' ';
  return request;
}

void add_shadow_index(PlanContext& context, const EnumTable& columns, const EnumIndex& index) {
  if (!index.built_as_constraint()) {
    add_index_steps(context, index_request(columns, index, index.shadow_name, index.definition));
    return;
  }
  const sql::QualifiedName& table = columns.table->name;
  const std::string quoted = sql::quote_identifier(index.shadow_name);
  Step step = make_step(Stage::kIndex, columns.label, "create", index.shadow_name);
  step.title = fmt::format("create constraint {}, the table locked", index.shadow_name);
  step.sql = {
      alter_table(table, fmt::format("ADD CONSTRAINT {} {}", quoted, index.constraint_definition))};
  // The server's text of a constraint has none of it.
  for (const std::string& change : index.storage_changes) {
    step.sql.push_back(fmt::format(
        "ALTER INDEX {} {}", sql::QualifiedName{table.schema, index.shadow_name}.quoted(), change));
  }
  step.probe = probe::constraint_exists(table, index.shadow_name, false);
  step.inverse = {alter_table(table, "DROP CONSTRAINT IF EXISTS " + quoted)};
  context.plan.steps.push_back(std::move(step));
}

}  // namespace pgbackfill::planner
