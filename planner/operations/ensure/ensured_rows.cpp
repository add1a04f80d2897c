#include "planner/operations/ensure/ensured_rows.hpp"

#include "planner/plan/step_builder.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

std::string column_of(std::string_view row, const std::string& name) {
  return fmt::format("{}.{}", row, quote_identifier(name));
}

std::string type_or_text(const sql::Table& table, const std::string& name) {
  const std::string type = column_type(table, name);
  return type.empty() ? "text" : type;
}

bool has(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// The same columns, in whatever order.
bool same_columns(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

bool is_plain_unique(const sql::Index& index) {
  return index.unique && index.valid && index.immediate && !index.partial && !index.has_expressions;
}

/// The key's parts as text, in one array: how pgbackfill.ensured names a row.
std::string key_array(const EnsuredRows& rows, std::string_view row) {
  std::vector<std::string> parts;
  for (const std::string& name : rows.spec->key) parts.push_back(column_of(row, name) + "::text");
  return fmt::format("ARRAY[{}]", join(parts, ", "));
}

/// `column` of s, with the first free number behind it where another row has the value. Rows of
/// the source that agree in it are numbered as well.
std::string renamed(const EnsuredRows& rows, const sql::Index& index, const std::string& column) {
  std::string others;
  for (const std::string& name : index.columns) {
    if (name == column) continue;
    others += fmt::format(" AND o.{0} = s.{0}", quote_identifier(name));
  }
  const std::string quoted = quote_identifier(column);
  const auto taken = [&](const std::string& value) {
    return fmt::format("EXISTS (SELECT FROM {} AS o WHERE o.{} = {}{})", rows.table->name.quoted(),
                       quoted, value, others);
  };
  const std::string plain = "s." + quoted + "::text";
  const std::string numbered = plain + " || ' (' || n || ')'";
  return fmt::format(
      "CASE WHEN {} THEN {} || ' (' || (SELECT min(n) FROM generate_series(2, 100000) AS n WHERE "
      "NOT {}) || ')' ELSE {} END",
      taken("s." + quoted), plain, taken(numbered), plain);
}

}  // namespace

std::string EnsuredRows::same_key(std::string_view row) const {
  std::vector<std::string> conditions;
  for (const std::string& name : spec->key) {
    conditions.push_back(fmt::format("{} = {}", column_of(row, name), column_of("s", name)));
  }
  return join(conditions, " AND ");
}

std::string EnsuredRows::missing() const {
  return fmt::format("NOT EXISTS (SELECT FROM {} AS r WHERE {})", table->name.quoted(),
                     same_key("r"));
}

std::string EnsuredRows::shown_key(std::string_view row) const {
  std::vector<std::string> parts;
  for (const std::string& name : spec->key) {
    parts.push_back(fmt::format("{} || coalesce({}::text, 'NULL')", quote_literal(name + " = "),
                                column_of(row, name)));
  }
  return fmt::format("concat_ws(', ', {})", join(parts, ", "));
}

EnsuredRows ensured_rows(const EnsureSpec& spec, const sql::Table& table, const std::string& schema,
                         std::vector<std::string> columns) {
  EnsuredRows rows{&spec, &table, table.name.display(schema), std::move(columns), ""};
  std::vector<std::string> values;
  if (spec.select.empty()) {
    rows.columns.clear();
    for (const auto& [name, value] : spec.row) {
      rows.columns.push_back(name);
      values.push_back(fmt::format("{} AS {}",
                                   constant_expression(value, type_or_text(table, name)),
                                   quote_identifier(name)));
    }
    rows.source = fmt::format("(SELECT {}) AS s", join(values, ", "));
    return rows;
  }
  for (const std::string& name : rows.columns) {
    values.push_back(
        fmt::format("q.{0}::{1} AS {0}", quote_identifier(name), type_or_text(table, name)));
  }
  rows.source = fmt::format("(SELECT {} FROM ({}) AS q) AS s", join(values, ", "), spec.select);
  return rows;
}

std::vector<std::string> query_columns(sql::Connection& connection, const std::string& query) {
  const sql::Result described =
      connection.execute(fmt::format("SELECT * FROM ({}) AS q LIMIT 0", query));
  std::vector<std::string> columns;
  for (int i = 0; i < described.columns(); ++i) columns.emplace_back(described.column_name(i));
  return columns;
}

std::vector<const sql::Index*> conflicting_indexes(const EnsuredRows& rows) {
  std::vector<const sql::Index*> indexes;
  for (const sql::Index& index : rows.table->indexes) {
    const bool given =
        std::all_of(index.columns.begin(), index.columns.end(),
                    [&](const std::string& name) { return has(rows.columns, name); });
    if (is_plain_unique(index) && given && !same_columns(index.columns, rows.spec->key)) {
      indexes.push_back(&index);
    }
  }
  return indexes;
}

std::string renamable_column(const EnsuredRows& rows, const sql::Index& index) {
  for (auto name = index.columns.rbegin(); name != index.columns.rend(); ++name) {
    const bool text =
        type_family(normalise_type(column_type(*rows.table, *name))) == TypeFamily::kText;
    if (text && !has(rows.spec->key, *name)) return *name;
  }
  return {};
}

std::string insert_missing(const EnsuredRows& rows, const std::string& step_id) {
  std::map<std::string, std::string> values;
  for (const std::string& name : rows.columns) values[name] = column_of("s", name);
  if (rows.spec->on_conflict == EnsureConflict::kRename) {
    for (const sql::Index* index : conflicting_indexes(rows)) {
      const std::string column = renamable_column(rows, *index);
      if (!column.empty()) values[column] = renamed(rows, *index, column);
    }
  }
  std::vector<std::string> list;
  for (const std::string& name : rows.columns) list.push_back(values[name]);
  // Only a row of the very key may be there already; any other conflict must be an error.
  const bool key_is_unique =
      std::any_of(rows.table->indexes.begin(), rows.table->indexes.end(), [&](const auto& index) {
        return is_plain_unique(index) && same_columns(index.columns, rows.spec->key);
      });
  const std::string on_conflict =
      key_is_unique ? fmt::format(" ON CONFLICT ({}) DO NOTHING", quoted_list(rows.spec->key)) : "";
  return fmt::format(
      "WITH inserted AS (INSERT INTO {} AS i ({}) SELECT {} FROM {} WHERE {}{} RETURNING {} AS "
      "row_key) INSERT INTO pgbackfill.ensured (step_id, row_key) SELECT {}, row_key FROM inserted",
      rows.table->name.quoted(), quoted_list(rows.columns), join(list, ", "), rows.source,
      rows.missing(), on_conflict, key_array(rows, "i"), quote_literal(step_id));
}

std::vector<std::string> delete_inserted(const EnsuredRows& rows, const std::string& step_id) {
  const std::string id = quote_literal(step_id);
  const std::string table = rows.table->name.quoted();
  const std::string noted =
      fmt::format("e.step_id = {} AND e.row_key = {}", id, key_array(rows, "i"));
  // A cascading foreign key would take other rows along, so what is referred to stays.
  const std::string keep = fmt::format(
      R"(DECLARE
  k record;
  kept text[];
BEGIN
  FOR k IN
    SELECT c.conrelid::regclass AS rel,
           string_agg(format('i.%I = r.%I', f.attname, a.attname), ' AND ') AS same
      FROM pg_catalog.pg_constraint AS c
     CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS p (own, other)
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = p.own
      JOIN pg_catalog.pg_attribute AS f ON f.attrelid = c.confrelid AND f.attnum = p.other
     WHERE c.contype = 'f' AND c.confrelid = {0}::regclass AND c.conparentid = 0
     GROUP BY c.oid, c.conrelid
  LOOP
    EXECUTE {1} || k.rel || {2} || k.same || {3} INTO kept;
    IF kept IS NOT NULL THEN
      RAISE WARNING '%', {4} || kept::text || ': kept, for rows of ' || k.rel || ' refer to it';
    END IF;
  END LOOP;
END)",
      quote_literal(table),
      quote_literal("WITH kept AS (DELETE FROM pgbackfill.ensured AS e USING " + table +
                    " AS i WHERE " + noted + " AND EXISTS (SELECT FROM "),
      quote_literal(" AS r WHERE "),
      quote_literal(") RETURNING e.row_key) SELECT array_agg("
                    "array_to_string(row_key, ', ')) FROM kept"),
      quote_literal(rows.label + ": "));
  return {fmt::format("DO {}", quote_literal(keep)),
          fmt::format("DELETE FROM {} AS i USING pgbackfill.ensured AS e WHERE {}", table, noted),
          fmt::format("DELETE FROM pgbackfill.ensured WHERE step_id = {}", id)};
}

}  // namespace pgbackfill::planner
