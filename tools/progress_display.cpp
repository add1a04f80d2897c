#include "tools/progress_display.hpp"

#include "engine/throttle/throttle_tracker.hpp"

#include <boost/chrono/duration.hpp>
#include <boost/thread/lock_types.hpp>
#include <fmt/format.h>

#include <utility>

namespace pgbackfill::tools {
namespace {

constexpr boost::chrono::milliseconds kRefresh{250};
constexpr double kPlainInterval = 60;

/// What a plain log has a line for whenever it changes.
std::string state_of(const engine::ProgressSnapshot& now) {
  return engine::without_figures(
      fmt::format("{} {} {}", planner::to_string(now.stage), now.paused, now.throttle));
}

}  // namespace

ProgressDisplay::ProgressDisplay(const engine::ProgressBoard& board, Console& console)
    : board_(board), console_(console), thread_([this] { loop(); }) {}

ProgressDisplay::~ProgressDisplay() {
  {
    const engine::MutexLock lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
  console_.draw({});
}

void ProgressDisplay::loop() {
  boost::unique_lock<engine::Mutex> lock(mutex_);
  do {
    lock.unlock();
    refresh();
    lock.lock();
  } while (!wake_.wait_for(lock, kRefresh, [this] { return ending_; }));
}

void ProgressDisplay::refresh() {
  ProgressView view;
  view.snapshot = board_.snapshot();
  // Before the job is known there is nothing to show.
  if (view.snapshot.steps == 0) return;
  view.elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  // Pauses are not the rate's fault, and the ETA is of the time that is written in.
  const double written = view.elapsed - view.snapshot.throttled;
  total_rate_.add(written, view.snapshot.rows);
  view.rate = total_rate_.per_second();
  if (view.snapshot.rows > 0 && !first_rows_) first_rows_ = {written, view.snapshot.rows};
  if (view.snapshot.stage == planner::Stage::kBackfill && first_rows_ &&
      written > first_rows_->first) {
    view.mean_rate = static_cast<double>(view.snapshot.rows - first_rows_->second) /
                     (written - first_rows_->first);
  }
  if (view.snapshot.wal) wal_rate_.add(view.elapsed, *view.snapshot.wal);
  view.wal_rate = wal_rate_.per_second();
  std::map<std::string, RateWindow> rates;
  for (const engine::TableProgress& table : view.snapshot.tables) {
    RateWindow& rate =
        rates.insert_or_assign(table.step_id, std::move(table_rates_[table.step_id])).first->second;
    rate.add(written, table.rows);
    view.table_rates[table.step_id] = rate.per_second();
  }
  table_rates_ = std::move(rates);
  if (console_.interactive()) {
    const auto [width, height] = console_.size();
    console_.draw(progress_block(view, width, height));
    return;
  }
  std::string state = state_of(view.snapshot);
  if (shown_state_ == state && view.elapsed - shown_at_ < kPlainInterval) return;
  shown_state_ = std::move(state);
  shown_at_ = view.elapsed;
  console_.log(engine::LogLevel::kInfo, progress_line(view));
}

}  // namespace pgbackfill::tools
