#include "planner/operations/enum/enum_return.hpp"
#include "planner/plan/losses.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// The labels of a column, one each, and what stands beside them in the old column, which need not
/// be there: SQL over the row t.
struct Labels {
  std::string from;   ///< the table, and what its arrays are made of
  std::string now;    ///< the label
  std::string old;    ///< as text; NULL where there is none
  std::string count;  ///< what is counted, behind the number: "rows"
};

Labels labels_of(const EnumColumnWork& column) {
  const std::string table = column.table->name.quoted();
  const std::string name = "t." + quote_identifier(column.column->name);
  const std::string old = quote_literal(column.old_name);
  if (!column.array) {
    return {table + " AS t", name, fmt::format("(to_jsonb(t) ->> {})", old),
            "CASE c.rows WHEN 1 THEN ' row ' ELSE ' rows ' END"};
  }
  return {fmt::format("{} AS t CROSS JOIN LATERAL unnest({}) WITH ORDINALITY AS e (label, place)",
                      table, name),
          "e.label", fmt::format("(to_jsonb(t) -> {} ->> (e.place - 1)::integer)", old),
          "CASE c.rows WHEN 1 THEN ' element ' ELSE ' elements ' END"};
}

/// Losses among the labels that `where` holds for.
std::vector<std::string> label_counts(const WayBack& back, const EnumColumnWork& column,
                                      const std::string& type, const std::string& where) {
  const Labels labels = labels_of(column);
  const std::string counts =
      fmt::format("(SELECT {}::text AS label, count(*) AS rows FROM {} WHERE {} GROUP BY 1)",
                  labels.now, labels.from, where);
  const std::string rows = fmt::format("c.rows || {} || quote_literal(c.label)", labels.count);
  const std::string place =
      quote_literal(fmt::format("{}.{}: ", column.label, column.column->name));
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

}  // namespace

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
  return label_counts(back, column, type, "true");
}

std::vector<std::string> losses_beside_old(const WayBack& back, const EnumColumnWork& column,
                                           const std::string& type) {
  const LabelPairs& agreeing = back.work().agreeing;
  const Labels labels = labels_of(column);
  // The first condition is asked once, before any row is read.
  std::string where =
      fmt::format("({})", probe::column_exists(column.table->name, column.old_name));
  if (!agreeing.empty()) {
    where += fmt::format(" AND (({}, {}::text) IN ({})) IS NOT TRUE", labels.old, labels.now,
                         pair_list(agreeing));
  }
  return label_counts(back, column, type, where);
}

}  // namespace pgbackfill::planner
