#include "planner/operations/tenant/cross_tenant.hpp"

#include "planner/operations/tenant/future_values.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

constexpr int kSamples = 3;

std::string joined_on(const sql::ForeignKey& key, const std::string& alias) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    parts.push_back(fmt::format("{}.{} = c.{}", alias, quote_identifier(key.referenced_columns[i]),
                                quote_identifier(key.columns[i])));
  }
  return join(parts, " AND ");
}

std::string label_of(const sql::Table& table) {
  const sql::Index* key = table.row_key();
  if (key == nullptr) return "'a row without a key'";
  std::vector<std::string> parts;
  for (const std::string& column : key->columns) {
    parts.push_back(
        fmt::format("{} || c.{}::text", quote_literal(column + "="), quote_identifier(column)));
  }
  return fmt::format("concat_ws(', ', {})", join(parts, ", "));
}

/// A key whose two ends may differ: not the one that the value itself comes by.
bool may_differ(const PreflightContext& context, const ValueWork& work, const ValueWork& referenced,
                const sql::ForeignKey& key) {
  if (!work.needs_value && !referenced.needs_value) return true;
  if (work.source == nullptr) return false;
  if (work.column != nullptr) return true;
  if (work.source->kind == SourceKind::kParent && key.columns == std::vector{work.source->key} &&
      resolve_name(work.source->parent, context.spec.schema) == key.referenced) {
    return false;
  }
  const bool same_constant =
      work.source->kind == SourceKind::kConstant && referenced.source != nullptr &&
      referenced.source->kind == SourceKind::kConstant &&
      work.source->constant == referenced.source->constant && referenced.column == nullptr;
  return !same_constant;
}

/// One foreign key to look along.
struct Edge {
  const sql::ForeignKey* key = nullptr;
  const ValueWork* referenced = nullptr;
  std::string rows;  ///< of the referenced table, a subquery
  std::string alias;
};

std::vector<Edge> edges_of(const PreflightContext& context, const ValueWork& work,
                           FutureValues& values, std::vector<std::string>& untold) {
  std::vector<Edge> edges;
  for (const sql::ForeignKey& key : work.table->foreign_keys) {
    const ValueWork* referenced = context.scope.tenant_column(key.referenced);
    if (referenced == nullptr || !may_differ(context, work, *referenced, key)) continue;
    if (const auto rows = values.rows(*referenced)) {
      edges.push_back({&key, referenced, *rows, fmt::format("r{}", edges.size())});
    } else {
      untold.push_back(referenced->label);
    }
  }
  return edges;
}

void report(PreflightContext& context, const ValueWork& work, const Edge& edge,
            const std::string& rows, const sql::Params& params, std::int64_t count) {
  const sql::Result samples = context.connection.execute(
      fmt::format(
          "SELECT {}, c.\"pgbackfill value\"::text, {}.\"pgbackfill value\"::text FROM {} "
          "AS c JOIN {} AS {} ON {} WHERE c.\"pgbackfill value\" <> {}.\"pgbackfill value\" "
          "LIMIT {}",
          label_of(*work.table), edge.alias, rows, edge.rows, edge.alias,
          joined_on(*edge.key, edge.alias), edge.alias, kSamples),
      params);
  std::vector<std::string> listed;
  for (int i = 0; i < samples.rows(); ++i) {
    listed.push_back(
        fmt::format("{} ({}, but {})", samples.text(i, 0), samples.text(i, 1), samples.text(i, 2)));
  }
  Finding finding;
  finding.refuses = context.spec.run.cross_tenant == CrossTenant::kRefuse;
  finding.object = fmt::format("{}.{}", work.label, edge.key->name);
  finding.message =
      fmt::format("{} row{} will lie in another organization than the row of {} that {} to: {}",
                  count, count == 1 ? "" : "s", edge.referenced->label,
                  count == 1 ? "it refers" : "they refer", join(listed, "; "));
  finding.advice = "correct the rows, or the sources of the two tables; verify fails on them";
  context.findings.push_back(std::move(finding));
}

/// One pass over the table tells of all its keys.
void check_table(PreflightContext& context, const ValueWork& work,
                 std::vector<std::string>& untold) {
  FutureValues values(context);
  const auto rows = values.rows(work);
  if (!rows) {
    if (!work.table->foreign_keys.empty()) untold.push_back(work.label);
    return;
  }
  const std::vector<Edge> edges = edges_of(context, work, values, untold);
  if (edges.empty()) return;
  std::vector<std::string> counts;
  std::string joins;
  for (const Edge& edge : edges) {
    counts.push_back(fmt::format(
        "count(*) FILTER (WHERE c.\"pgbackfill value\" <> {}.\"pgbackfill value\")", edge.alias));
    joins += fmt::format(" LEFT JOIN {} AS {} ON {}", edge.rows, edge.alias,
                         joined_on(*edge.key, edge.alias));
  }
  const sql::Result found = context.connection.execute(
      fmt::format("SELECT {} FROM {} AS c{}", join(counts, ", "), *rows, joins), values.params());
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const std::int64_t count = found.integer(0, static_cast<int>(i));
    if (count > 0) report(context, work, edges[i], *rows, values.params(), count);
  }
}

}  // namespace

void check_cross_tenant(PreflightContext& context) {
  if (!context.spec.tenant) return;
  std::vector<std::string> untold;
  for (const ValueWork& work : context.scope.tables) {
    try {
      check_table(context, work, untold);
    } catch (const sql::Error& error) {
      // What the tables and sources are lacking has been found by the checks before.
      if (error.connection_lost()) throw;
      untold.push_back(work.label);
    }
  }
  if (untold.empty() || context.spec.run.cross_tenant != CrossTenant::kRefuse) return;
  std::sort(untold.begin(), untold.end());
  untold.erase(std::unique(untold.begin(), untold.end()), untold.end());
  context.warn(join(untold, ", "),
               "whether its rows will lie in the organization of the rows they refer to cannot be "
               "told before the columns exist",
               "run verify after the job, which compares them");
}

}  // namespace pgbackfill::planner
