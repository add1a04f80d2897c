#include "planner/backfill/backfill_drafts.hpp"
#include "planner/backfill/batch_sql.hpp"
#include "planner/backfill/method_cost.hpp"
#include "planner/operations/operation.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace pgbackfill::planner {
namespace {

constexpr int kFirstTidRangeScanVersion = 140000;
/// From this pg_stats.correlation on, neighbours in the heap share the index's cached pages.
constexpr double kClusteredCorrelation = 0.95;

void choose_method(PlanContext& context, BackfillDraft& draft, const std::string& label) {
  const MethodChoice choice = context.spec.run.method;
  if (!draft.data_path) {
    draft.backfill.method = Method::kCatalog;
    return;
  }
  const int passes = context.spec.run.passes;
  draft.backfill.method = choice == MethodChoice::kUpdate ? Method::kUpdate
                          : choice == MethodChoice::kCopy ? Method::kCopy
                                                          : cheapest_method(draft.backfill, passes);
  draft.backfill.why = describe_cost(draft.backfill, passes);
  if (choice == MethodChoice::kCatalog) {
    context.plan.notes.push_back(
        fmt::format("{}: the catalog method cannot give its values; {} is used", label,
                    to_string(draft.backfill.method)));
  }
}

/// Whether the tables lie in the order of their keys.
void find_clustered(PlanContext& context, BackfillDrafts& drafts) {
  using Place = std::tuple<std::string, std::string, std::string>;
  std::map<Place, TableBackfill*> keys;
  std::set<std::string> schemas;
  std::set<std::string> tables;
  std::set<std::string> columns;
  for (auto& [name, draft] : drafts.all()) {
    if (draft.backfill.key.empty()) continue;
    const std::string& column = draft.backfill.key.front().name;
    keys[{name.schema, name.name, column}] = &draft.backfill;
    schemas.insert(name.schema);
    tables.insert(name.name);
    columns.insert(column);
  }
  if (keys.empty()) return;
  const auto list = [](const std::set<std::string>& names) {
    return sql::text_array_literal({names.begin(), names.end()});
  };
  const sql::Result rows = context.connection.execute(sql::statement("key_correlations"),
                                                      {list(schemas), list(tables), list(columns)});
  for (int row = 0; row < rows.rows(); ++row) {
    const auto found = keys.find({std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                                  std::string(rows.text(row, 2))});
    if (found == keys.end()) continue;
    found->second->clustered = std::abs(rows.real(row, 3)) >= kClusteredCorrelation;
  }
}

void choose_order(PlanContext& context, BackfillDraft& draft, const std::string& label) {
  TableBackfill& backfill = draft.backfill;
  const bool has_key = !backfill.key.empty();
  const bool scans_ranges = context.catalog.server_version >= kFirstTidRangeScanVersion &&
                            draft.leaf->access_method == "heap";
  switch (context.spec.run.order) {
    case OrderChoice::kAuto:
      backfill.order = scans_ranges || !has_key ? ReadOrder::kBlock : ReadOrder::kKey;
      break;
    case OrderChoice::kBlock:
      backfill.order = ReadOrder::kBlock;
      break;
    case OrderChoice::kKey:
      backfill.order = has_key ? ReadOrder::kKey : ReadOrder::kBlock;
      if (!has_key) {
        context.plan.notes.push_back(
            fmt::format("{}: no usable key, so it is read in block order", label));
      }
      break;
  }
}

std::string backfill_title(const TableBackfill& backfill) {
  std::vector<std::string> columns;
  for (const Assignment& assignment : backfill.assignments) columns.push_back(assignment.column);
  if (backfill.method == Method::kCatalog) {
    return fmt::format("{}: set by the column's default, no row is written", join(columns, ", "));
  }
  return fmt::format("fill {} by {}, in {} order", join(columns, ", "), to_string(backfill.method),
                     to_string(backfill.order));
}

}  // namespace

void plan_backfill(PlanContext& context) {
  BackfillDrafts drafts;
  for (const Operation* operation : operations()) operation->backfill(context, drafts);
  for (auto& [name, draft] : drafts.all()) draft.backfill.key = row_key(*draft.leaf);
  find_clustered(context, drafts);
  std::vector<std::pair<int, Step>> steps;
  for (auto& [name, draft] : drafts.all()) {
    const std::string label = name.display(context.spec.schema);
    draft.backfill.table = name;
    draft.backfill.blocks = draft.leaf->blocks;
    draft.backfill.fillfactor = draft.leaf->fillfactor;
    draft.backfill.indexes = static_cast<int>(draft.leaf->indexes.size());
    draft.backfill.estimated_rows = estimated_rows(*draft.leaf);
    draft.backfill.buffers = context.catalog.shared_buffers;
    choose_order(context, draft, label);
    choose_method(context, draft, label);
    Step step;
    step.id = backfill_id(label);
    step.stage = Stage::kBackfill;
    step.kind = StepKind::kBackfill;
    step.table = label;
    step.title = backfill_title(draft.backfill);
    step.sql = batch_statements(draft.backfill);
    step.backfill = draft.backfill;
    step.after = draft.after;
    if (draft.leaf->is_partition) step.partition = name.quoted();
    steps.emplace_back(draft.level, std::move(step));
  }
  std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return a.second.backfill->blocks > b.second.backfill->blocks;
  });
  for (auto& [level, step] : steps) context.plan.steps.push_back(std::move(step));
}

}  // namespace pgbackfill::planner
