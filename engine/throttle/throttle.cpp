#include "engine/throttle/throttle.hpp"

#include "engine/ledger/ledger.hpp"
#include "engine/session.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace pgbackfill::engine {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Level = ThrottleState::Level;

/// How long there must be no reason, or a milder one, before that is news: one that comes and goes
/// is told once.
constexpr std::chrono::seconds kCalm{2};
/// How old what a look at a limited lag found may get, in times to the next look, and in times
/// that it took, before writers wait for the next.
constexpr int kFreshLooks = 4;
constexpr int kFreshTimes = 2;
constexpr milliseconds kPassEvery{20};
constexpr milliseconds kRestAtOnce{200};
/// A stop, or another duty cycle, is seen after so long at the latest.
constexpr boost::chrono::milliseconds kTurnEvery{20};

/// The first column of the query's first row: a number, or a boolean.
void ask_query(sql::Connection& connection, const std::string& query, ThrottleSignals& signals) {
  try {
    sql::Transaction looking(connection, "BEGIN READ ONLY");
    const sql::Result result = connection.execute(query);
    if (result.rows() == 0 || result.columns() == 0 || result.is_null(0, 0)) {
      signals.defect = "it gave no row, or NULL";
      return;
    }
    const std::string_view text = result.text(0, 0);
    double number = text == "t" ? 1 : 0;
    if (text != "t" && text != "f") {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc{} || end != text.data() + text.size()) {
        signals.defect = fmt::format("\"{}\" is neither a number nor a boolean", text);
        return;
      }
    }
    signals.answer = number;
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    signals.defect = error.diagnostics().message;
  }
}

std::vector<std::string> written_tables(const planner::Plan& plan) {
  std::vector<std::string> tables;
  for (const planner::Step& step : plan.steps) {
    if (step.backfill) tables.push_back(step.table);
  }
  return tables;
}

}  // namespace

ThrottleSignals read_signals(sql::Connection& connection, const std::string& query) {
  const sql::Result row = connection.execute(sql::statement("throttle_signals"));
  ThrottleSignals signals;
  signals.wal = row.integer(0, 0);
  signals.replicas = static_cast<int>(row.integer(0, 1));
  signals.replicas_unseen = static_cast<int>(row.integer(0, 2));
  signals.lag_bytes = row.integer(0, 3);
  signals.lag_seconds = row.real(0, 4);
  signals.lagging = row.text(0, 5);
  signals.slot_bytes = row.integer(0, 6);
  signals.slot = row.text(0, 7);
  signals.blocked = static_cast<int>(row.integer(0, 8));
  signals.vacuumed = row.text_array(0, 9);
  const std::vector<std::string> tables = row.text_array(0, 10);
  const std::vector<std::string> indexes = row.text_array(0, 11);
  const std::vector<std::string> phases = row.text_array(0, 12);
  const std::vector<std::string> shares = row.text_array(0, 13);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    signals.builds.push_back({tables[i], indexes.at(i), phases.at(i), std::stod(shares.at(i))});
  }
  if (!query.empty()) ask_query(connection, query, signals);
  return signals;
}

Throttle::Throttle(const EngineOptions& options, const planner::Plan& plan, int job_id,
                   ProgressBoard& board, StopSignal& stop, LogSink log, bool noted)
    : control_(control_of(options)),
      connect_(session_options(options, plan.schema, SessionRole::kThrottle, log)),
      job_id_(job_id),
      board_(board),
      stop_(stop),
      log_(std::move(log)),
      noted_(noted),
      query_(options.run.throttle_query),
      tracker_(options.run, written_tables(plan)) {}

Throttle::~Throttle() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  clear();
}

void Throttle::start() {
  if (thread_.joinable()) return;
  const planner::RunOptions limits = control_->settings();
  const bool limited = limits.max_replica_lag.given() || limits.max_wal_rate > 0 ||
                       limits.max_slot_wal > 0 || !query_.empty();
  // Where nothing is limited, what is over before the first look needs no session for it.
  if (limited) look();
  thread_ = boost::thread([this] { run(); });
}

void Throttle::clear() {
  try {
    if (noted_ && connection_ && connection_->usable()) Ledger(*connection_).throttled(job_id_, "");
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the next run clears it
  }
}

bool Throttle::pass(int writer) {
  while ((control_->paused() || must_wait()) && writer < control_->workers()) {
    const auto since = Clock::now();
    if (!stop_.sleep(kPassEvery)) return false;
    slept(since);
  }
  return !stop_.draining();
}

Throttle::Turn Throttle::turn() {
  const auto since = Clock::now();
  boost::unique_lock<Mutex> lock(mutex_);
  bool waited = false;
  while (writing_ >= writers_at_once(control_->workers(), control_->settings().duty_cycle)) {
    if (stop_.draining()) return {};
    turn_ended_.wait_for(lock, kTurnEvery);
    waited = true;
  }
  ++writing_;
  lock.unlock();
  if (waited) slept(since);
  return Turn(*this);
}

void Throttle::Turn::end() {
  if (throttle_ == nullptr) return;
  {
    const MutexLock lock(throttle_->mutex_);
    --throttle_->writing_;
  }
  throttle_->turn_ended_.notify_one();
  throttle_ = nullptr;
}

void Throttle::rest(std::chrono::microseconds batch) {
  const auto since = Clock::now();
  // What it is to wait may change meanwhile.
  const auto left = [&] {
    const auto pause = pause_after(batch, control_->settings().duty_cycle, state());
    return std::chrono::ceil<milliseconds>(since + pause - Clock::now());
  };
  bool waited = false;
  for (auto wait = left(); wait.count() > 0 && stop_.sleep(std::min(wait, kRestAtOnce));
       wait = left()) {
    waited = true;
  }
  if (waited) slept(since);
}

double Throttle::share() const {
  const MutexLock lock(mutex_);
  const std::chrono::duration<double> batch = control_->settings().batch_time;
  const double seen = look_after_ < kThrottleLook ? look_after_ / batch : 1;
  return batch_share(control_->settings().duty_cycle, state_) * std::min(1.0, seen);
}

bool Throttle::must_wait() const {
  const MutexLock lock(mutex_);
  return state_.level == Level::kHard || Clock::now() > fresh_until_;
}

ThrottleState Throttle::state() const {
  const MutexLock lock(mutex_);
  return state_;
}

void Throttle::slept(Clock::time_point since) {
  slept_us_ += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - since).count();
  board_.throttled(static_cast<double>(slept_us_.load()) / 1e6 / control_->workers());
}

void Throttle::run() {
  boost::unique_lock<Mutex> lock(mutex_);
  while (!ended_) {
    wake_.wait_for(lock, boost::chrono::milliseconds(look_after_.count()),
                   [this] { return ended_; });
    if (ended_) return;
    lock.unlock();
    look();
    lock.lock();
  }
}

void Throttle::look() {
  const auto begun = Clock::now();
  try {
    if (!connection_) {
      connection_.emplace(connect_);
      lease_.emplace(stop_.watch(connection_->canceller()));
    }
    if (changes_seen_ != control_->changes()) {
      changes_seen_ = control_->changes();
      tracker_.limit_by(control_->settings());
    }
    const ThrottleSignals signals = read(begun);
    board_.server(signals.wal, signals.builds);
    change(tracker_.observe(signals, Clock::now()), begun);
  } catch (const std::exception& error) {
    lease_.reset();
    connection_.reset();
    change(tracker_.unseen(error.what()), begun);
  }
}

ThrottleSignals Throttle::read(Clock::time_point now) {
  // The operator's query may cost more than we know: it is not asked more often.
  const bool due = now - asked_ >= kThrottleLook;
  ThrottleSignals signals = read_signals(*connection_, due ? query_ : std::string());
  if (due) {
    asked_ = now;
    answer_ = signals.answer;
    defect_ = signals.defect;
  }
  signals.answer = answer_;
  signals.defect = defect_;
  return signals;
}

void Throttle::change(ThrottleState next, Clock::time_point begun) {
  board_.throttle(next.reason);
  const auto now = Clock::now();
  const bool news = is_news(next, now);
  {
    const MutexLock lock(mutex_);
    state_ = next;
    look_after_ = tracker_.look_after();
    fresh_until_ = look_after_ < kThrottleLook
                       ? now + kFreshLooks * look_after_ + kFreshTimes * (now - begun)
                       : Clock::time_point::max();
  }
  // After that: to tell it may take a while.
  if (news) tell(next);
}

bool Throttle::is_news(const ThrottleState& next, Clock::time_point now) {
  const bool same =
      next.level == told_.level && without_figures(next.reason) == without_figures(told_.reason);
  if (next.level >= told_.level) {
    calm_since_.reset();
    return !same;
  }
  if (!calm_since_) calm_since_ = now;
  return now - *calm_since_ >= kCalm;
}

void Throttle::tell(const ThrottleState& next) {
  told_ = next;
  calm_since_.reset();
  std::string text = "going on at full speed";
  if (next.level == Level::kSoft) text = "writing slower: " + next.reason;
  if (next.level == Level::kHard) text = "paused: " + next.reason;
  if (log_) log_(next.level == Level::kHard ? LogLevel::kWarning : LogLevel::kInfo, text);
  try {
    if (!noted_ || !connection_ || !connection_->usable()) return;
    Ledger ledger(*connection_);
    ledger.throttled(job_id_, next.level == Level::kNone ? "" : text);
    ledger.event(job_id_, next.level == Level::kHard ? "warning" : "info", text);
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the diary is for people
  }
}

}  // namespace pgbackfill::engine
