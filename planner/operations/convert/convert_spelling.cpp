#include "planner/operations/convert/convert_return.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// Values whose spelling is lost, shown one by one.
constexpr int kMaxShown = 10;

/// A column of a group; its place is its name in the ledger.
struct Place {
  const ConvertTable* table = nullptr;
  const ConvertColumn* column = nullptr;

  std::string name() const {
    return quote_literal(table->table->name.quoted() + "." +
                         quote_identifier(column->column->name));
  }
};

const ConvertTable* table_of(const ConvertGroup& group, const sql::QualifiedName& name) {
  const auto found = std::find_if(group.tables.begin(), group.tables.end(),
                                  [&](const ConvertTable& one) { return one.table->name == name; });
  return found == group.tables.end() ? nullptr : &*found;
}

/// Where a column's values come from, over as many foreign keys as there are: the values of all of
/// them are written alike.
Place origin_of(const ConvertGroup& group, Place place) {
  for (std::size_t hops = 0; hops < group.keys.size(); ++hops) {
    Place next;
    for (const ConvertKey& key : group.keys) {
      if (key.table != place.table->table->name) continue;
      const auto at = std::find(key.columns.begin(), key.columns.end(), place.column->column->name);
      if (at == key.columns.end()) continue;
      const ConvertTable* table = table_of(group, key.referenced);
      if (table == nullptr) continue;
      next = {
          table,
          table->find(key.referenced_columns[static_cast<std::size_t>(at - key.columns.begin())])};
      break;
    }
    if (next.column == nullptr) break;
    place = next;
  }
  return place;
}

/// Columns that were text, those first that refer to no other.
std::vector<Place> text_places(const ConvertGroup& group) {
  std::vector<Place> places;
  for (const ConvertTable& table : group.tables) {
    for (const ConvertColumn* column : table.columns) {
      if (column->type == "uuid") places.push_back({&table, column});
    }
  }
  std::stable_partition(places.begin(), places.end(), [&](const Place& place) {
    return origin_of(group, place).column == place.column;
  });
  return places;
}

/// The spelling that comes back of a value (an expression).
std::string comes_back(const Place& origin, const std::string& value) {
  return fmt::format(
      "COALESCE((SELECT k.original FROM pgbackfill.spelling AS k WHERE k.place = {} AND k.value = "
      "{} AND k.kept), {})",
      origin.name(), value, old_form(*origin.column, value));
}

/// All spellings of each value that some row has otherwise than the new type writes it.
std::string note_spellings(const Place& place, const Place& origin) {
  const ConvertColumn& column = *place.column;
  const std::string table = place.table->table->name.quoted();
  const std::string now = "t." + quote_identifier(column.column->name);
  const std::string old = "t." + quote_identifier(column.old_name) + "::text";
  const bool refers = origin.column != place.column;
  const std::string of_origin = fmt::format(
      " UNION SELECT s.value FROM pgbackfill.spelling AS s WHERE s.place = {}", origin.name());
  return fmt::format(
      "WITH odd AS (SELECT {now} AS value FROM {table} AS t WHERE {old} <> {form}{more}) "
      "INSERT INTO pgbackfill.spelling (place, value, original, rows, kept) "
      "SELECT {place}, g.value, g.original, g.rows, {kept} FROM (SELECT {now} AS value, {old} AS "
      "original, count(*) AS rows FROM {table} AS t WHERE {now} IN (SELECT value FROM odd) AND "
      "{old} IS NOT NULL GROUP BY 1, 2) AS g",
      fmt::arg("now", now), fmt::arg("table", table), fmt::arg("old", old),
      fmt::arg("form", old_value(column, "t")), fmt::arg("more", refers ? of_origin : ""),
      fmt::arg("place", place.name()),
      fmt::arg("kept", refers ? "g.original = " + comes_back(origin, "g.value")
                              : "row_number() OVER (PARTITION BY g.value ORDER BY g.rows DESC, "
                                "g.original) = 1"));
}

}  // namespace

void keep_spelling(PlanContext& context, const ConvertGroup& group) {
  const std::vector<Place> places = text_places(group);
  if (places.empty()) return;
  Step step = make_step(Stage::kFinish, group.label(), "convert-keep");
  step.table.clear();
  std::vector<std::string> shown;
  for (const Place& place : places) {
    shown.push_back(place.column->shown());
    const std::string forget =
        "DELETE FROM pgbackfill.spelling AS s WHERE s.place = " + place.name();
    step.sql.push_back(forget);
    step.sql.push_back(note_spellings(place, origin_of(group, place)));
    step.inverse.push_back(forget);
  }
  step.title = fmt::format("keep the spelling of {} where uuid has another", join(shown, ", "));
  context.plan.steps.push_back(std::move(step));
}

std::string kept_value(const ConvertGroup& group, const ConvertTable& table,
                       const ConvertColumn& column, std::string_view row) {
  if (column.type != "uuid") return old_value(column, row);
  return comes_back(origin_of(group, {&table, &column}),
                    fmt::format("{}.{}", row, quote_identifier(column.column->name)));
}

std::vector<Step> fill_kept(const ConvertGroup& group, const ConvertTable& table) {
  std::vector<Step> steps;
  for (const ConvertColumn* column : table.columns) {
    if (column->type != "uuid") continue;
    const std::string old = quote_identifier(column->old_name);
    const std::string differs = fmt::format(
        "s.place = {} AND s.value = t.{} AND s.kept AND t.{}::text IS DISTINCT FROM s.original",
        origin_of(group, {&table, column}).name(), quote_identifier(column->column->name), old);
    Step step = make_step(Stage::kFinish, table.label, "return-spelling", column->old_name);
    step.table = table.label;
    step.title = fmt::format("fill {} with what was written otherwise", column->old_name);
    step.kind = StepKind::kFill;
    step.sql = {
        fmt::format("SELECT t.ctid FROM {} AS t, pgbackfill.spelling AS s WHERE {} LIMIT {}",
                    table.table->name.quoted(), differs, kMaxFilledAtOnce),
        fmt::format("UPDATE {} AS t SET {} = s.original FROM pgbackfill.spelling AS s "
                    "WHERE t.ctid = ANY ($1::tid[]) AND {}",
                    table.table->name.quoted(), old, differs)};
    steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<std::string> spelling_losses(const ConvertGroup& group) {
  std::vector<std::string> losses;
  for (const Place& place : text_places(group)) {
    const std::string lost = fmt::format(
        "FROM pgbackfill.spelling AS s WHERE s.place = {} AND NOT s.kept ORDER BY "
        "s.rows DESC, s.original ",
        place.name());
    const std::string shown = quote_literal(place.column->shown() + ": ");
    losses.push_back(fmt::format(
        "SELECT {} || s.rows || CASE s.rows WHEN 1 THEN ' row ' ELSE ' rows ' END || "
        "quote_literal(s.original) || CASE s.rows WHEN 1 THEN ' becomes ' ELSE ' become ' END || "
        "quote_literal({}), false {}LIMIT {}",
        shown, comes_back(origin_of(group, place), "s.value"), lost, kMaxShown));
    losses.push_back(fmt::format(
        "SELECT {} || sum(rows) || ' more rows come back in another spelling of their uuid', false "
        "FROM (SELECT s.rows {}OFFSET {}) AS more HAVING count(*) > 0",
        shown, lost, kMaxShown));
  }
  return losses;
}

}  // namespace pgbackfill::planner
