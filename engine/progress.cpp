#include "engine/progress.hpp"

#include <algorithm>
#include <utility>

namespace pgbackfill::engine {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

ProgressSnapshot ProgressBoard::snapshot() const {
  const MutexLock lock(mutex_);
  ProgressSnapshot state = state_;
  state.later = forecast_.seconds_left(now());
  return state;
}

void ProgressBoard::job(int steps, int steps_done, double estimated_rows,
                        std::int64_t rows_before) {
  const MutexLock lock(mutex_);
  state_.steps = steps;
  state_.steps_done = steps_done;
  state_.estimated_rows = estimated_rows;
  state_.rows_before = rows_before;
}

void ProgressBoard::expect(const std::vector<Forecast::Expected>& steps, int side_by_side) {
  const MutexLock lock(mutex_);
  forecast_ = Forecast(steps, side_by_side);
}

void ProgressBoard::stage(planner::Stage stage) {
  const MutexLock lock(mutex_);
  state_.stage = stage;
}

void ProgressBoard::step_started(const std::string& title) {
  const MutexLock lock(mutex_);
  state_.running.push_back(title);
  forecast_.started(title, now());
}

void ProgressBoard::step_ended(const std::string& title, bool done) {
  const MutexLock lock(mutex_);
  const auto found = std::find(state_.running.begin(), state_.running.end(), title);
  if (found != state_.running.end()) state_.running.erase(found);
  if (done) ++state_.steps_done;
  forecast_.ended(title, done, now());
}

void ProgressBoard::paused(const std::string& by) {
  const MutexLock lock(mutex_);
  state_.paused = by;
}

void ProgressBoard::throttle(const std::string& reason) {
  const MutexLock lock(mutex_);
  state_.throttle = reason;
}

void ProgressBoard::throttled(double seconds) {
  const MutexLock lock(mutex_);
  state_.throttled = std::max(state_.throttled, seconds);
}

void ProgressBoard::server(std::int64_t wal, std::vector<BuildProgress> builds) {
  const MutexLock lock(mutex_);
  state_.wal = wal;
  forecast_.builds(builds);
  state_.builds = std::move(builds);
}

TableProgress* ProgressBoard::find(std::string_view step_id) {
  const auto found = std::find_if(state_.tables.begin(), state_.tables.end(),
                                  [&](const TableProgress& t) { return t.step_id == step_id; });
  return found == state_.tables.end() ? nullptr : &*found;
}

void ProgressBoard::table_started(const TableProgress& table) {
  const MutexLock lock(mutex_);
  if (find(table.step_id) == nullptr) state_.tables.push_back(table);
}

void ProgressBoard::round_started(std::string_view step_id, int round, std::int64_t ranges,
                                  std::int64_t ranges_done) {
  const MutexLock lock(mutex_);
  if (TableProgress* table = find(step_id)) {
    table->round = round;
    table->ranges = ranges;
    table->ranges_done = ranges_done;
  }
}

void ProgressBoard::batch(std::string_view step_id, std::int64_t rows,
                          std::optional<std::int64_t> hot) {
  const MutexLock lock(mutex_);
  state_.rows += rows;
  ++state_.batches;
  if (hot) {
    state_.hot += *hot;
    state_.hot_of += rows;
  }
  if (TableProgress* table = find(step_id)) table->rows += rows;
}

void ProgressBoard::batch_took(std::chrono::microseconds time) {
  const double milliseconds = static_cast<double>(time.count()) / 1e3;
  const MutexLock lock(mutex_);
  if (batch_times_.size() < kBatchTimes) {
    batch_times_.push_back(milliseconds);
  } else {
    batch_times_[next_time_++ % kBatchTimes] = milliseconds;
  }
}

std::optional<BatchTimes> ProgressBoard::take_batch_times() {
  std::vector<double> times;
  {
    const MutexLock lock(mutex_);
    times.swap(batch_times_);
    next_time_ = 0;
  }
  if (times.empty()) return std::nullopt;
  std::sort(times.begin(), times.end());
  // The least time that so many of a hundred batches did not exceed.
  const auto percentile = [&](std::size_t percent) {
    return times[(times.size() * percent + 99) / 100 - 1];
  };
  return BatchTimes{percentile(50), percentile(95)};
}

void ProgressBoard::range_done(std::string_view step_id) {
  const MutexLock lock(mutex_);
  if (TableProgress* table = find(step_id)) ++table->ranges_done;
}

void ProgressBoard::counted(std::string_view step_id, std::int64_t rows, std::int64_t ranges_done) {
  const MutexLock lock(mutex_);
  if (TableProgress* table = find(step_id)) {
    state_.rows += rows - table->rows;
    table->rows = rows;
    table->ranges_done = ranges_done;
  }
}

void ProgressBoard::table_ended(std::string_view step_id) {
  const MutexLock lock(mutex_);
  std::erase_if(state_.tables, [&](const TableProgress& t) { return t.step_id == step_id; });
}

}  // namespace pgbackfill::engine
