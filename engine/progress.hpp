#pragma once

#include "engine/forecast.hpp"
#include "engine/mutex.hpp"
#include "planner/plan/plan.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

struct TableProgress {
  std::string step_id;
  std::string table;
  double estimated_rows = 0;  ///< planner's estimate, taken when the job was planned
  std::int64_t rows = 0;      ///< rows changed, earlier runs of the job included
  std::int64_t ranges = 0;    ///< of the current round
  std::int64_t ranges_done = 0;
  int round = 0;  ///< 0: the main pass; above: sweeps
};

struct ProgressSnapshot {
  planner::Stage stage = planner::Stage::kEnsure;
  int steps = 0;
  int steps_done = 0;
  std::vector<std::string> running;   ///< titles of DDL steps under way
  std::vector<TableProgress> tables;  ///< backfills under way
  std::int64_t rows = 0;              ///< changed since this run began
  std::int64_t rows_before = 0;       ///< changed by earlier runs of the job
  double estimated_rows = 0;          ///< of all backfills of the job
  std::int64_t batches = 0;
  std::int64_t hot = 0;               ///< rows that stayed on their page, of hot_of
  std::int64_t hot_of = 0;            ///< rows of which this process knows it
  std::optional<std::int64_t> wal;    ///< the server's position when last looked at
  std::vector<BuildProgress> builds;  ///< indexes under way
  double later = 0;      ///< seconds that the long steps behind the backfill are to take
  std::string paused;    ///< by whom; empty: by nobody
  std::string throttle;  ///< why the writers hold back; empty: they do not
  double throttled = 0;  ///< seconds that a writer has held back, on average
};

/// Milliseconds that batches took: their median and 95th percentile.
struct BatchTimes {
  double p50 = 0;
  double p95 = 0;
};

/// Where the engine says how far it is and whoever displays it looks. Thread-safe.
class ProgressBoard {
 public:
  ProgressSnapshot snapshot() const;

  void job(int steps, int steps_done, double estimated_rows, std::int64_t rows_before);
  /// The long steps behind the backfill that are not done.
  void expect(const std::vector<Forecast::Expected>& steps, int side_by_side);
  void stage(planner::Stage stage);
  void step_started(const std::string& title);
  void step_ended(const std::string& title, bool done);
  void table_started(const TableProgress& table);
  void round_started(std::string_view step_id, int round, std::int64_t ranges,
                     std::int64_t ranges_done);
  /// `hot`: those that stayed on their page, where the server counts them.
  void batch(std::string_view step_id, std::int64_t rows, std::optional<std::int64_t> hot);
  void batch_took(std::chrono::microseconds time);
  /// Of the batches since the last call (the newest kBatchTimes of them); nullopt: none.
  std::optional<BatchTimes> take_batch_times();
  void range_done(std::string_view step_id);
  /// What the ledger counts, other processes' work included.
  void counted(std::string_view step_id, std::int64_t rows, std::int64_t ranges_done);
  void table_ended(std::string_view step_id);
  void paused(const std::string& by);
  void throttle(const std::string& reason);
  void throttled(double seconds);
  /// What a look at the server found: bytes of WAL that it has ever written, indexes under way.
  void server(std::int64_t wal, std::vector<BuildProgress> builds);

  static constexpr std::size_t kBatchTimes = 1024;

 private:
  TableProgress* find(std::string_view step_id);  // REQUIRES: mutex_ held
  mutable Mutex mutex_;
  ProgressSnapshot state_;           // guarded by mutex_
  Forecast forecast_;                // guarded by mutex_
  std::vector<double> batch_times_;  // milliseconds; a ring once full; guarded by mutex_
  std::size_t next_time_ = 0;        // guarded by mutex_
};

}  // namespace pgbackfill::engine
