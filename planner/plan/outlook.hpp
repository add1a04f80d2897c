#pragma once

#include "planner/plan/locks.hpp"
#include "planner/plan/plan.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// What a sample of a table has shown, in place of the rule of thumb.
struct SampleRates {
  std::int64_t rows = 0;           ///< of the sample
  double seconds_per_row = 0;      ///< to read and to write one, every index entered
  double index_bytes_per_row = 0;  ///< in all indexes together
};
using Samples = std::map<std::string, SampleRates>;  ///< by the label of the table

/// What a table is to expect of the job.
struct TableOutlook {
  std::string table;   ///< its label
  std::string method;  ///< empty: no row of it is to get a value
  std::string reason;
  double rows = 0;  ///< about; 0 when empty or not backfilled
  std::int64_t bytes = 0;
  bool written = false;  ///< its rows are written
  double seconds = 0;    ///< one after the other: backfill, scans, index builds, comparisons
  double wal_bytes = 0;
  double disk_bytes = 0;  ///< more than it takes now, at the job's end, before any vacuum
  LockClass lock = LockClass::kRows;
  bool sampled = false;
};

/// A step behind the backfill that reads a whole table, and how long it is to take by the rule of
/// thumb.
struct LongStep {
  const Step* step = nullptr;  ///< of the plan
  double seconds = 0;
};
std::vector<LongStep> long_steps(const Plan& plan);

/// One for each table that has a step, in the order of the steps. A partition stands for itself;
/// what is done to its partitioned table is not counted in.
std::vector<TableOutlook> outlook(const Plan& plan, const Samples& samples);

}  // namespace pgbackfill::planner
