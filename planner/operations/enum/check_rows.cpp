#include "planner/operations/enum/check_rows.hpp"

#include "planner/operations/enum/enum_composite.hpp"
#include "planner/operations/enum/enum_domain.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "planner/operations/enum/enum_value.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

constexpr int kSamples = 5;

/// Rows that differ may be alike afterwards.
bool may_merge(const EnumWork& work) {
  std::set<std::string> targets;
  for (const auto& [from, to] : work.remap) {
    if (!targets.insert(to).second) return true;
  }
  return !work.spec->when.empty();
}

class RowCheck {
 public:
  /// The new type stands in the session's temporary schema meanwhile.
  RowCheck(PreflightContext& context, const EnumWork& work)
      : context_(context), trial_(work), built_anew_(work.built_anew) {
    trial_.shadow_type.schema = "pg_temp";
    for (EnumDomainWork& domain : trial_.domains) domain.shadow.schema = "pg_temp";
    for (EnumCompositeWork& composite : trial_.composites) composite.shadow.schema = "pg_temp";
    if (may_merge(trial_)) add_generated();
  }

  void run() {
    const auto tables = enum_tables(trial_);
    std::vector<std::vector<EnumIndex>> indexes;
    for (const EnumTable& columns : tables) {
      indexes.push_back(enum_indexes(context_.connection, trial_, *columns.table));
    }
    std::vector<std::vector<DomainRule>> rules;
    for (const EnumDomainWork& domain : trial_.domains) {
      rules.push_back(domain_rules(context_.connection, domain, shadow_rules(trial_)));
    }
    std::vector<std::string> composites;
    for (const EnumCompositeWork& composite : trial_.composites) {
      composites.push_back(create_composite(context_.connection, trial_, composite).front());
    }
    sql::Transaction undone(context_.connection);
    context_.connection.execute(fmt::format("CREATE TYPE {} AS ENUM ({})",
                                            trial_.shadow_type.quoted(),
                                            literal_list(trial_.spec->values)));
    for (const EnumDomainWork& domain : trial_.domains) {
      context_.connection.execute(create_domain(trial_, domain));
    }
    for (const std::string& composite : composites) context_.connection.execute(composite);
    for (const EnumTable& columns : tables) check_arrays(columns);
    for (std::size_t i = 0; i < tables.size(); ++i) {
      if (!check_conditions(tables[i]) || !may_merge(trial_)) continue;
      for (const EnumIndex& index : indexes[i]) {
        if (index.index->unique) check_unique(tables[i], index);
      }
      for (std::size_t d = 0; d < rules.size(); ++d) {
        check_domain(tables[i], *trial_.domains[d].domain, rules[d]);
      }
    }
  }

 private:
  /// Columns that are generated over those of the type: what lies over them is built in the cutover
  /// only, and is to be judged before.
  void add_generated() {
    std::vector<EnumColumnWork> found;
    for (const EnumTable& columns : enum_tables(trial_)) {
      for (const sql::Column& column : columns.table->columns) {
        if (!column.generated) continue;
        EnumColumnWork made;
        made.table = columns.table;
        made.column = &column;
        made.label = columns.label;
        made.shadow = sql::fit_identifier("pgbackfill_made_" + column.name);
        std::string text = rewritten_default(context_.connection, trial_, made).text;
        const bool over_it =
            std::any_of(columns.columns.begin(), columns.columns.end(),
                        [&](const auto* over) { return mentions_word(text, over->shadow); });
        if (!over_it) continue;
        generated_[&column] = std::move(text);
        found.push_back(std::move(made));
      }
    }
    trial_.columns.insert(trial_.columns.end(), found.begin(), found.end());
    trial_.built_anew.clear();
  }

  /// The table with its shadows and what is generated over them, as a subquery.
  std::string with_generated(const EnumTable& columns) const {
    std::string made;
    for (const EnumColumnWork* column : columns.columns) {
      const auto found = generated_.find(column->column);
      if (found == generated_.end()) continue;
      made += fmt::format(", ({}) AS {}", found->second, quote_identifier(column->shadow));
    }
    if (made.empty()) return shadowed(columns);
    return fmt::format("(SELECT t.*{} FROM {}) AS t", made, shadowed(columns));
  }

  /// The table with its shadows, as a subquery.
  std::string shadowed(const EnumTable& columns) const {
    std::string shadows;
    for (const EnumColumnWork* column : columns.columns) {
      if (generated_.contains(column->column)) continue;
      shadows += fmt::format(", {} AS {}", remap_expression(trial_, *column, "t"),
                             quote_identifier(column->shadow));
    }
    return fmt::format("(SELECT t.*{} FROM {} AS t) AS t", shadows, columns.table->name.quoted());
  }

  void check_arrays(const EnumTable& columns) {
    for (const EnumColumnWork* column : columns.columns) {
      for (const LabelPlace& place : label_places(*column)) {
        if (place.array) check_lists(*column, place);
      }
    }
  }

  void check_lists(const EnumColumnWork& column, const LabelPlace& place) {
    const std::string value = place.in("t." + quote_identifier(column.column->name));
    const auto rows = context_.connection
                          .execute(fmt::format("SELECT count(*) FROM {} AS t WHERE "
                                               "array_ndims({}) > 1 OR array_lower({}, 1) <> 1",
                                               column.table->name.quoted(), value, value))
                          .integer(0, 0);
    if (rows == 0) return;
    context_.refuse(place.shown(column),
                    fmt::format("{} row{} an array of several dimensions, or whose first element "
                                "is not number 1",
                                rows, rows == 1 ? " has" : "s have"),
                    "only plain lists are carried over; change those rows before the run");
  }

  bool check_conditions(const EnumTable& columns) {
    if (trial_.spec->when.empty()) return true;
    context_.connection.execute("SAVEPOINT pgbackfill_trial");
    try {
      context_.connection.execute("SELECT FROM " + shadowed(columns) + " LIMIT 0");
      check_generated(columns);
      return true;
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
      context_.connection.execute("ROLLBACK TO SAVEPOINT pgbackfill_trial");
      context_.refuse(columns.label,
                      fmt::format("a condition of \"when\" cannot be evaluated over its rows: {}",
                                  error.diagnostics().message),
                      "a condition names the row's columns, of every table with the type");
      return false;
    }
  }

  /// The trigger for live writers runs before the server computes those.
  void check_generated(const EnumTable& columns) {
    for (const sql::Column& column : columns.table->columns) {
      if (!column.generated) continue;
      for (const auto& [label, parts] : trial_.spec->when) {
        for (const auto& [to, condition] : parts) {
          if (!mentions_word(condition, column.name)) continue;
          context_.refuse(
              fmt::format("{}.{}", columns.label, column.name),
              "a condition of \"when\" reads it, and it is generated, so that it has no "
              "value yet when a row is written",
              "write the condition with what it is generated from");
        }
      }
    }
  }

  void check_unique(const EnumTable& columns, const EnumIndex& index) {
    if (!built_anew_.contains(index.object) && !built_anew_.contains(index.constraint_object)) {
      return check_keys(columns, index);
    }
    // It may lie over a function that takes the type, of which there is none for the new one yet:
    // then the cutover tells.
    context_.connection.execute("SAVEPOINT pgbackfill_trial");
    try {
      check_keys(columns, index);
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
      context_.connection.execute("ROLLBACK TO SAVEPOINT pgbackfill_trial");
    }
  }

  void check_keys(const EnumTable& columns, const EnumIndex& index) {
    std::vector<std::string> texts;
    std::vector<std::string> where;
    for (const std::string& key : index.keys) {
      texts.push_back(fmt::format("coalesce(({})::text, 'NULL')", key));
      if (!index.nulls_alike) where.push_back(fmt::format("({}) IS NOT NULL", key));
    }
    if (!index.predicate.empty()) where.push_back(index.predicate);
    const sql::Result rows = context_.connection.execute(fmt::format(
        "SELECT concat_ws(', ', {}), count(*), count(*) OVER () FROM {} WHERE {} GROUP BY {} "
        "HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT {}",
        join(texts, ", "), with_generated(columns), where.empty() ? "true" : join(where, " AND "),
        join(index.keys, ", "), kSamples));
    if (rows.rows() == 0) return;
    std::vector<std::string> samples;
    for (int i = 0; i < rows.rows(); ++i) {
      samples.push_back(fmt::format("({}) {} times", rows.text(i, 0), rows.integer(i, 1)));
    }
    const std::int64_t all = rows.integer(0, 2);
    context_.refuse(
        fmt::format("index {} of table {}", index.index->name, columns.label),
        fmt::format("it is unique, and with the new labels {} key{} would be there more than once: "
                    "{}{}",
                    all, all == 1 ? "" : "s", fmt::join(samples, "; "),
                    all > rows.rows() ? "; …" : ""),
        "change those rows, or the map, before the run");
  }

  /// Labels that become one may be allowed and forbidden now.
  void check_domain(const EnumTable& columns, const sql::EnumDomain& domain,
                    const std::vector<DomainRule>& rules) {
    const DomainUse use = domain_use(trial_, domain);
    for (const EnumColumnWork* column : columns.columns) {
      const bool in_array = contains(use.arrays, column);
      if (!in_array && !contains(use.columns, column)) continue;
      // An array of a domain over arrays has values that are no single label.
      if (in_array && domain.array) continue;
      const std::string shadow = quote_identifier(column->shadow);
      for (const DomainRule& rule : rules) {
        if (!rule.holds_for_all()) continue;
        const auto rows =
            context_.connection
                .execute(fmt::format(
                    "SELECT count(*) FROM {} CROSS JOIN LATERAL {} AS v (value) WHERE ({}) IS "
                    "FALSE",
                    shadowed(columns),
                    in_array ? fmt::format("unnest(t.{})", shadow)
                             : fmt::format("(SELECT t.{})", shadow),
                    rule.expression))
                .integer(0, 0);
        if (rows == 0) continue;
        context_.refuse(
            fmt::format("{}.{}", columns.label, column->column->name),
            fmt::format("with the new labels, {} value{} not what domain {} demands: {}", rows,
                        rows == 1 ? " is" : "s are", domain.name.display(context_.spec.schema),
                        rule.expression),
            "change those rows, or the map, before the run");
      }
    }
  }

  static bool contains(const std::vector<const EnumColumnWork*>& columns,
                       const EnumColumnWork* column) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  }

  PreflightContext& context_;
  EnumWork trial_;
  const std::set<std::string> built_anew_;
  std::map<const sql::Column*, std::string> generated_;  ///< over the shadows
};

}  // namespace

void check_enum_rows(PreflightContext& context, const EnumWork& work) {
  RowCheck(context, work).run();
}

}  // namespace pgbackfill::planner
