#include "planner/plan/outlook.hpp"

#include "planner/backfill/method_cost.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

constexpr std::int64_t kBlockBytes = 8192;

// The rule of thumb: two writers on two cores, from the measurements in README.md.
constexpr double kSecondsPerRow = 4e-6;
constexpr double kSecondsPerByte = 13e-9;
constexpr double kSecondsPerValidatedRow = 0.7e-6;
constexpr double kSecondsPerIndexedRow = 1e-6;
constexpr double kSecondsPerComparedRow = 1.5e-6;
/// Of a row that stays in its page: the new version, and its share of pruning.
constexpr double kWalPerRow = 143;
/// Of one that moves, beside its own bytes, and for each index that it enters.
constexpr double kWalPerMovedRow = 60;
constexpr double kWalPerIndexEntry = 78;
constexpr double kIndexEntryBytes = 45;
/// An entry of an index over few different values, which are stored once per page.
constexpr double kNewIndexEntryBytes = 25;
/// What the pages of an index have room for, by their fillfactor, before they split; and how much
/// of the entries beyond it stays.
constexpr double kIndexRoom = 0.1;
constexpr double kIndexGrowth = 0.8;

std::string shown_source(const Assignment& assignment) {
  switch (assignment.resolve) {
    case ResolveKind::kConstant:
      return "constant";
    case ResolveKind::kLookup:
      return "lookup " + assignment.lookup;
    case ResolveKind::kRemap:
      return "by its label";
    case ResolveKind::kServer:
      return assignment.input.empty() ? "computed" : "computed from " + assignment.input;
  }
  return "?";
}

/// Why the rows are written, or are not, as far as the plan tells.
std::string method_reason(const TableBackfill& backfill) {
  if (backfill.method == Method::kCatalog) return "one constant, which the default gives every row";
  std::vector<std::string> sources;
  for (const Assignment& assignment : backfill.assignments) {
    sources.push_back(fmt::format("{} ({})", assignment.column, shown_source(assignment)));
  }
  const std::string written = fmt::format("each row is written: {}", fmt::join(sources, ", "));
  return backfill.why.empty() ? written : written + "; " + backfill.why;
}

struct Work {
  int validations = 0;
  int builds = 0;
  int comparisons = 0;
};

void count(Work& work, const Step& step) {
  if (step.kind == StepKind::kReconcile || step.kind == StepKind::kFill) ++work.comparisons;
  for (const std::string& sql : step.sql) {
    if (sql.find("VALIDATE CONSTRAINT") != std::string::npos) ++work.validations;
    if (sql.starts_with("CREATE INDEX") || sql.starts_with("CREATE UNIQUE INDEX")) ++work.builds;
  }
}

double rows_of(const TableBackfill& backfill) {
  return backfill.blocks == 0 ? 0 : backfill.estimated_rows;
}

void add_backfill(TableOutlook& table, const TableBackfill& backfill, const SampleRates* sample) {
  table.method = to_string(backfill.method);
  table.reason = method_reason(backfill);
  table.bytes = backfill.blocks * kBlockBytes;
  table.rows = rows_of(backfill);
  table.written = backfill.method != Method::kCatalog;
  if (!table.written || table.rows <= 0) return;
  const auto heap = static_cast<double>(table.bytes);
  const double per_row = sample != nullptr ? sample->seconds_per_row
                                           : kSecondsPerRow + kSecondsPerByte * heap / table.rows;
  const double entries =
      sample != nullptr ? sample->index_bytes_per_row : kIndexEntryBytes * backfill.indexes;
  table.sampled = sample != nullptr;
  table.seconds = table.rows * per_row;
  const double moved = moved_share(backfill, cheapest_passes(backfill));
  const double indexed = table.rows * entries;
  // Each page goes to the WAL whole, once, when it changes first after a checkpoint.
  table.wal_bytes =
      heap + (moved > 0 ? indexed : 0) + table.rows * kWalPerRow +
      moved * (heap + table.rows * (kWalPerMovedRow + kWalPerIndexEntry * backfill.indexes));
  table.disk_bytes = moved * heap + std::max(0.0, moved - kIndexRoom) * kIndexGrowth * indexed;
}

double ddl_seconds(double rows, const Work& work) {
  return rows * (kSecondsPerValidatedRow * work.validations + kSecondsPerIndexedRow * work.builds +
                 kSecondsPerComparedRow * work.comparisons);
}

void add_ddl(TableOutlook& table, const Work& work) {
  table.seconds += ddl_seconds(table.rows, work);
  const double built = table.rows * kNewIndexEntryBytes * work.builds;
  table.wal_bytes += built;
  table.disk_bytes += built;
}

}  // namespace

std::vector<LongStep> long_steps(const Plan& plan) {
  std::map<std::string_view, double> rows;
  std::vector<LongStep> steps;
  for (const Step& step : plan.steps) {
    if (step.backfill) {
      rows[step.table] = rows_of(*step.backfill);
      continue;
    }
    const auto known = rows.find(step.table);
    Work work;
    count(work, step);
    const bool is_long = work.validations + work.builds + work.comparisons > 0;
    if (known == rows.end() || !is_long) continue;
    steps.push_back({&step, ddl_seconds(known->second, work)});
  }
  return steps;
}

std::vector<TableOutlook> outlook(const Plan& plan, const Samples& samples) {
  std::map<std::string, std::size_t> places;
  std::vector<TableOutlook> tables;
  std::vector<Work> works;
  for (const Step& step : plan.steps) {
    if (step.table.empty()) continue;
    const auto [place, is_new] = places.emplace(step.table, tables.size());
    if (is_new) {
      tables.emplace_back().table = step.table;
      works.emplace_back();
    }
    count(works[place->second], step);
    if (!step.backfill) continue;
    const auto sample = samples.find(step.table);
    add_backfill(tables[place->second], *step.backfill,
                 sample == samples.end() ? nullptr : &sample->second);
  }
  const std::map<std::string, LockClass> locks = strongest_locks(plan);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    tables[i].lock = locks.at(tables[i].table);
    add_ddl(tables[i], works[i]);
  }
  return tables;
}

}  // namespace pgbackfill::planner
