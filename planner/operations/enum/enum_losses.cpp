#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_return.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "planner/operations/enum/enum_value.hpp"
#include "planner/plan/losses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// The labels at a place, one each, and what stands beside them in the old column, which need not
/// be there: SQL over the row t.
struct Labels {
  std::string shown;  ///< the place, for people
  std::string from;   ///< the table, and what its arrays are made of
  std::string now;    ///< the label
  std::string old;    ///< as text; NULL where there is none
  std::string count;  ///< what is counted, behind the number: "rows"
};

Labels labels_at(const EnumColumnWork& column, const LabelPlace& place) {
  const std::string table = column.table->name.quoted();
  const std::string value = place.in("t." + quote_identifier(column.column->name));
  std::string old = fmt::format("to_jsonb(t) -> {}", quote_literal(column.old_name));
  if (!place.attribute.empty()) old += " -> " + quote_literal(place.attribute);
  if (!place.array) {
    return {place.shown(column), table + " AS t", value, fmt::format("({} #>> '{{}}')", old),
            "CASE c.rows WHEN 1 THEN ' row ' ELSE ' rows ' END"};
  }
  return {place.shown(column),
          fmt::format("{} AS t CROSS JOIN LATERAL unnest({}) WITH ORDINALITY AS e (label, place)",
                      table, value),
          "e.label", fmt::format("({} ->> (e.place - 1)::integer)", old),
          "CASE c.rows WHEN 1 THEN ' element ' ELSE ' elements ' END"};
}

/// Losses among the labels that `where` holds for.
std::vector<std::string> label_counts(const WayBack& back, const Labels& labels,
                                      const std::string& type, const std::string& where) {
  const std::string counts =
      fmt::format("(SELECT {}::text AS label, count(*) AS rows FROM {} WHERE {} GROUP BY 1)",
                  labels.now, labels.from, where);
  const std::string rows = fmt::format("c.rows || {} || quote_literal(c.label)", labels.count);
  const std::string place = quote_literal(labels.shown + ": ");
  std::vector<std::string> losses;
  if (!back.lossy().empty()) {
    losses.push_back(fmt::format(
        "SELECT {} || {} || CASE c.rows WHEN 1 THEN ' becomes ' ELSE ' become ' END || "
        "quote_literal(v.becomes), false FROM {} AS c JOIN (VALUES {}) AS v (label, becomes) ON "
        "v.label = c.label ORDER BY c.label",
        place, rows, counts, pair_list(back.lossy())));
  }
  if (!back.untold().empty()) {
    losses.push_back(fmt::format(
        "SELECT {} || {} || {}, true FROM {} AS c WHERE c.label IN ({}) ORDER BY c.label", place,
        rows,
        quote_literal(fmt::format(": neither unmap nor the inverse of map of type {} tells what "
                                  "becomes of it; give those rows a label that comes back, and "
                                  "roll back again",
                                  type)),
        counts, literal_list(back.untold())));
  }
  return losses;
}

/// Of the way back: labels that differ may be alike behind it.
bool may_merge(const EnumWork& work) {
  std::set<std::string> targets;
  return std::any_of(work.remap.begin(), work.remap.end(),
                     [&](const auto& pair) { return !targets.insert(pair.second).second; });
}

/// The labels that come back, as text over the row t: the type of theirs is not there yet.
std::string label_back(const EnumWork& back, const EnumColumnWork& column) {
  std::string cases;
  for (const auto& [label, becomes] : back.remap) {
    cases += fmt::format(" WHEN {} THEN {}", quote_literal(label), quote_literal(becomes));
  }
  return fmt::format("CASE t.{}::text{} END", quote_identifier(column.column->name), cases);
}

/// Nothing but columns of it changes, so that text can stand for their labels.
bool over_bare_columns(const EnumIndex& index, const EnumTable& columns) {
  return std::all_of(columns.columns.begin(), columns.columns.end(), [&](const auto* column) {
    const auto leaves = [&](const std::string& text) {
      return !mentions_word(text, column->shadow);
    };
    const bool bare = std::all_of(index.keys.begin(), index.keys.end(), [&](const auto& key) {
      const bool is_it = key == column->shadow || key == quote_identifier(column->shadow);
      return leaves(key) || (is_it && !column->array && column->composite == nullptr);
    });
    return bare && leaves(index.predicate);
  });
}

/// How many keys of a unique index come back as equal ones.
std::string duplicates(const EnumTable& columns, const EnumIndex& index,
                       const std::string& shadows) {
  std::vector<std::string> where;
  for (const std::string& key : index.keys) {
    if (!index.nulls_alike) where.push_back(fmt::format("({}) IS NOT NULL", key));
  }
  if (!index.predicate.empty()) where.push_back(index.predicate);
  return fmt::format(
      "SELECT {} || count(*) || CASE count(*) WHEN 1 THEN ' key' ELSE ' keys' END || ' would be "
      "there more than once; change or delete those rows first', true FROM (SELECT FROM (SELECT "
      "t.*{} FROM {} AS t) AS t WHERE {} GROUP BY {} HAVING count(*) > 1) AS d HAVING count(*) > 0",
      quote_literal(fmt::format("index {} of table {}: it is unique, and with the old labels ",
                                index.index->name, columns.label)),
      shadows, columns.table->name.quoted(), where.empty() ? "true" : join(where, " AND "),
      join(index.keys, ", "));
}

}  // namespace

std::vector<std::string> duplicates_on_the_way(sql::Connection& connection, const WayBack& back) {
  EnumWork trial = back.work();
  if (!may_merge(trial)) return {};
  // Names that no column has, whether or not the old ones stand.
  for (EnumColumnWork& column : trial.columns) {
    column.shadow = sql::fit_identifier("pgbackfill_back_" + column.column->name);
  }
  std::vector<std::string> questions;
  for (const EnumTable& columns : enum_tables(trial)) {
    std::string shadows;
    for (const EnumColumnWork* column : columns.columns) {
      if (column->array || column->composite != nullptr) continue;
      shadows +=
          fmt::format(", {} AS {}", label_back(trial, *column), quote_identifier(column->shadow));
    }
    for (const EnumIndex& index : enum_indexes(connection, trial, *columns.table)) {
      if (!index.index->unique || !over_bare_columns(index, columns)) continue;
      questions.push_back(duplicates(columns, index, shadows));
    }
  }
  return questions;
}

std::vector<std::string> nested_arrays(const EnumColumnWork& column) {
  std::vector<std::string> questions;
  for (const LabelPlace& place : label_places(column)) {
    if (!place.array) continue;
    questions.push_back(fmt::format(
        "SELECT {0} || count(*) || CASE count(*) WHEN 1 THEN ' row has' ELSE ' rows have' END || ' "
        "an array of several dimensions, or whose first element is not number 1; change those rows "
        "first', true FROM {1} AS t WHERE array_ndims({2}) > 1 OR array_lower({2}, 1) <> 1 HAVING "
        "count(*) > 0",
        quote_literal(place.shown(column) + ": "), column.table->name.quoted(),
        place.in("t." + quote_identifier(column.column->name))));
  }
  return questions;
}

std::string made_over_carried(const EnumWork& work, const Carried& carried) {
  std::vector<std::string> identities;
  for (const CarriedObject& object : carried.objects) identities.push_back(object.identity);
  return fmt::format(
      "SELECT c.description || ' lies over what is set up anew for type ' || {} || '; drop that "
      "first', true FROM ({}) AS c WHERE cardinality(c.needs) > 0 AND {}",
      quote_literal(work.type->name.quoted()), carried_query(work),
      not_among(identities, "c.class::regclass", "c.object::oid", "0"));
}

std::vector<std::string> label_losses(const WayBack& back, const EnumColumnWork& column,
                                      const std::string& type) {
  std::vector<std::string> losses;
  for (const LabelPlace& place : label_places(column)) {
    append(losses, label_counts(back, labels_at(column, place), type, "true"));
  }
  return losses;
}

std::vector<std::string> losses_beside_old(const WayBack& back, const EnumColumnWork& column,
                                           const std::string& type) {
  const LabelPairs& agreeing = back.work().agreeing;
  std::vector<std::string> losses;
  for (const LabelPlace& place : label_places(column)) {
    const Labels labels = labels_at(column, place);
    // The first condition is asked once, before any row is read.
    std::string where =
        fmt::format("({})", probe::column_exists(column.table->name, column.old_name));
    if (!agreeing.empty()) {
      where += fmt::format(" AND (({}, {}::text) IN ({})) IS NOT TRUE", labels.old, labels.now,
                           pair_list(agreeing));
    }
    append(losses, label_counts(back, labels, type, where));
  }
  return losses;
}

}  // namespace pgbackfill::planner
