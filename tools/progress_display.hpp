#pragma once

#include "engine/mutex.hpp"
#include "engine/progress.hpp"
#include "tools/console.hpp"
#include "tools/progress_lines.hpp"

#include <boost/thread/condition_variable.hpp>
#include <boost/thread/thread.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace pgbackfill::tools {

/// Shows the progress of a run for as long as it lives, from a thread of its own: a block redrawn
/// four times a second on a terminal, else a log line every minute and whenever the stage, or the
/// reason to hold back, changes. `board` and `console` outlive it.
class ProgressDisplay {
 public:
  ProgressDisplay(const engine::ProgressBoard& board, Console& console);
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

 private:
  void loop();
  void refresh();

  // Constant after construction.
  const engine::ProgressBoard& board_;
  Console& console_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();

  // The display thread's own.
  RateWindow total_rate_;
  RateWindow wal_rate_;
  std::map<std::string, RateWindow> table_rates_;
  std::optional<std::pair<double, std::int64_t>> first_rows_;  ///< seconds and rows at the first
  std::string shown_state_;
  double shown_at_ = 0;

  engine::Mutex mutex_;
  boost::condition_variable wake_;
  bool ending_ = false;  // guarded by mutex_
  boost::thread thread_;
};

}  // namespace pgbackfill::tools
