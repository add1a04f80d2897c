#pragma once

#include "engine/backfill/batch_sizer.hpp"
#include "engine/backfill/resolver.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "planner/backfill/window_shape.hpp"
#include "planner/plan/plan.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// How the rows of a round get their values. What the catalog method filled needs no pass, but a
/// sweep must be able to write.
inline planner::TableBackfill data_path(planner::TableBackfill table, const RoundRecord& round) {
  if (table.method == planner::Method::kCatalog) table.method = planner::Method::kCopy;
  if (round.late) table.method = planner::Method::kUpdate;
  // A sweep takes what a join may have left out.
  if (round.round > 0) {
    for (planner::Assignment& assignment : table.assignments) assignment.join.reset();
  }
  table.estimated_rows = round.rows;
  return table;
}

/// The windows of a table in block order, for batches of so many rows.
inline planner::WindowShape shape_of(const planner::TableBackfill& table, bool late,
                                     const planner::RunOptions& run, std::int64_t batch_rows) {
  planner::WindowShape shape = planner::window_shape(table, run, batch_rows);
  if (late) shape.passes = 1;
  return shape;
}

/// What readers and writers share about one table's backfill. Constant after construction but for
/// the sizer, which is thread-safe.
struct TableJob {
  std::string step_id;
  int round = 0;
  planner::TableBackfill table;
  bool late = false;  ///< a late sweep: planner::write_moving() in block order
  Resolver resolver;
  BatchSizer sizer;

  TableJob(const planner::Step& step, const RoundRecord& opened, const planner::JobSpec& spec,
           const planner::RunOptions& run)
      : step_id(step.id),
        round(opened.round),
        table(data_path(*step.backfill, opened)),
        late(opened.late),
        resolver(table, spec),
        sizer(run.batch_time, run.batch_rows) {}

  /// The same table by the copy method, which can tell which of its rows the server refuses.
  static std::shared_ptr<TableJob> copying(const TableJob& other) {
    return std::shared_ptr<TableJob>(new TableJob(other));
  }

  /// Of the table's windows in block order, for batches of the size reached so far.
  planner::WindowShape shape(const planner::RunOptions& run) const {
    return shape_of(table, late, run, sizer.rows());
  }

 private:
  TableJob(const TableJob& other)
      : step_id(other.step_id),
        round(other.round),
        table(other.table),
        resolver(other.resolver),
        sizer(std::chrono::milliseconds(250), 0) {
    table.method = planner::Method::kCopy;
  }
};

/// The lease of a range, as the threads see it that work on it.
struct Claim {
  std::atomic<bool> lost{false};  ///< another process has the range
};

/// A claimed range of a table.
struct RangeTask {
  std::shared_ptr<TableJob> job;
  RangeRecord range;
  std::shared_ptr<Claim> claim = nullptr;
};

}  // namespace pgbackfill::engine
