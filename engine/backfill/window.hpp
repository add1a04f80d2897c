#pragma once

#include "engine/backfill/table_job.hpp"
#include "planner/backfill/splitter.hpp"
#include "planner/backfill/window_shape.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// One row of a window: where its encoded stage row lies in the payload, and where it lies in
/// the heap (block order).
struct WindowRow {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t block = 0;
  std::uint16_t line = 0;
};

/// What a reader read at once inside a range and a writer writes in batches.
struct Window {
  std::shared_ptr<TableJob> job;
  std::int64_t range_id = 0;
  std::shared_ptr<Claim> claim;     ///< as RangeTask::claim
  planner::Bounds bounds;           ///< the stretch it covers
  bool after_lower = false;         ///< bounds.lower itself is excluded (key order)
  planner::WindowShape shape;       ///< block order
  std::vector<std::string> cursor;  ///< the range's cursor once the window is done
  bool last = false;                ///< the range ends with it
  std::string payload;              ///< encoded stage rows, one after the other (copy method)
  std::vector<WindowRow> rows;      ///< in the order read
};

/// One transaction's worth of a window.
struct Batch {
  int pass = 0;
  std::int64_t lower_block = 0;
  std::int64_t upper_block = 0;
  std::vector<std::uint32_t> rows;  ///< indexes into Window::rows (copy method)
};

/// Cuts a window into batches of at most `max_rows` rows: in block order pass by pass, group after
/// group; in key order consecutive rows. Batches without rows are left out (the update method
/// knows no rows and gets one batch for each pass and group).
std::vector<Batch> make_batches(const Window& window, std::int64_t max_rows);

}  // namespace pgbackfill::engine
