#pragma once

#include "engine/backfill/batch_sizer.hpp"
#include "engine/backfill/resolver.hpp"
#include "engine/ledger/ledger.hpp"
#include "planner/backfill/window_shape.hpp"
#include "planner/plan/plan.hpp"

#include <memory>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// What readers and writers share about one table's backfill. Constant after construction but for
/// the sizer, which is thread-safe.
struct TableJob {
  std::string step_id;
  planner::TableBackfill table;
  bool late = false;  ///< a late sweep: planner::write_moving() in block order
  Resolver resolver;
  BatchSizer sizer;

  TableJob(std::string id, planner::TableBackfill backfill, const planner::JobSpec& spec,
           const planner::RunOptions& run)
      : step_id(std::move(id)),
        table(std::move(backfill)),
        resolver(table, spec),
        sizer(run.batch_time, run.batch_rows) {}

  /// The same table by the copy method, which can tell which of its rows the server refuses.
  static std::shared_ptr<TableJob> copying(const TableJob& other) {
    return std::shared_ptr<TableJob>(new TableJob(other));
  }

  /// Of the table's windows in block order, for batches of the size reached so far.
  planner::WindowShape shape(const planner::RunOptions& run) const {
    planner::WindowShape shape = planner::window_shape(table, run, sizer.rows());
    if (late) shape.passes = 1;
    return shape;
  }

 private:
  TableJob(const TableJob& other)
      : step_id(other.step_id),
        table(other.table),
        resolver(other.resolver),
        sizer(std::chrono::milliseconds(250), 0) {
    table.method = planner::Method::kCopy;
  }
};

/// A claimed range of a table.
struct RangeTask {
  std::shared_ptr<TableJob> job;
  RangeRecord range;
};

}  // namespace pgbackfill::engine
