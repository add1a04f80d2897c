#include "engine/backfill/worker_pool.hpp"

#include "engine/backfill/batch_writer.hpp"
#include "engine/backfill/horizon.hpp"
#include "engine/backfill/range_claims.hpp"
#include "engine/backfill/window_reader.hpp"
#include "engine/control/run_control.hpp"
#include "engine/mutex.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/sync_point.hpp"
#include "planner/run_settings.hpp"

#include <boost/thread/thread.hpp>
#include <concurrentqueue.h>
#include <fmt/format.h>

#include <atomic>
#include <blockingconcurrentqueue.h>
#include <optional>
#include <utility>
#include <vector>

namespace pgbackfill::engine {
namespace {

/// One reader keeps this many writers busy: reading a row costs a small part of writing it.
constexpr int kWritersPerReader = 2;
constexpr std::int64_t kPollMicroseconds = 5'000;
constexpr std::chrono::milliseconds kClaimPause{100};

/// Whether room must be made between the passes over its windows.
bool needs_passes(const TableJob& job, const planner::RunOptions& run) {
  return job.table.order == planner::ReadOrder::kBlock && job.shape(run).passes > 1;
}

}  // namespace

struct WorkerPool::Impl {
  using WindowPtr = std::unique_ptr<Window>;
  using Inbox = moodycamel::BlockingConcurrentQueue<WindowPtr>;

  /// A writer thread and the range it is on. The positions belong to the reader that holds the
  /// writer's one outstanding request; requests hand them on.
  struct Writer {
    Inbox inbox;
    std::optional<ReadPosition> position;
    std::optional<ReadPosition> paused;  ///< begun, waits for the horizon
    /// It has a window that is not written. While not, and its request is there, it has none.
    std::atomic<bool> busy{false};
  };

  Impl(const planner::JobSpec& job_spec, const planner::Plan& job_plan,
       const EngineOptions& engine_options, int job, Throttle& slow_down, ProgressBoard& progress,
       StopSignal& stop_signal, LogSink log_sink)
      : plan(job_plan),
        options(engine_options),
        job_id(job),
        control(*engine_options.control),
        throttle(slow_down),
        board(progress),
        stop(stop_signal),
        log(log_sink),
        claims(job_spec, job_plan, options, job),
        horizon(engine_options, stop_signal, std::move(log_sink)) {
    writers.resize(planner::kMostWorkers);
  }

  void grow();
  bool ending() const { return closed.load() || stop.draining(); }
  void fail(std::exception_ptr error);
  void read_loop();
  bool must_wait(const TableJob& job) const;
  std::optional<RangeTask> claim(Session& session);
  bool next_range(Session& session, RangeTask& task);
  bool has_range(Session& session, Writer& writer);
  void leave_ranges(Writer& writer);
  bool serve(Session& session, std::size_t writer);
  WindowPtr read(Session& session, ReadPosition& position);
  void write_loop(std::size_t index);
  void write(BatchWriter& batches, const Window& window);

  const planner::Plan& plan;
  const EngineOptions options;
  const int job_id;
  RunControl& control;
  Throttle& throttle;
  ProgressBoard& board;
  StopSignal& stop;
  const LogSink log;

  RangeClaims claims;
  std::atomic<int> claim_failures{0};                ///< in a row
  moodycamel::ConcurrentQueue<RangeTask> held_back;  ///< wait for the horizon
  moodycamel::BlockingConcurrentQueue<std::size_t> requests;
  moodycamel::BlockingConcurrentQueue<PoolEvent> events;
  std::vector<std::unique_ptr<Writer>> writers;  ///< one for each that may ever be
  Mutex growing;
  std::atomic<int> begun{0};  ///< writers; written under `growing`, as is `closed` at the end
  boost::thread_group threads;
  std::atomic<bool> closed{false};
  std::atomic<bool> failed{false};
  Mutex horizon_start;
  HorizonWatch horizon;
};

/// Threads for as many writers as there are to be; those that are too many park.
void WorkerPool::Impl::grow() {
  if (begun >= control.workers()) return;
  const MutexLock lock(growing);
  while (begun < control.workers() && !ending()) {
    const int index = begun++;
    writers.at(static_cast<std::size_t>(index)) = std::make_unique<Writer>();
    if (index % kWritersPerReader == 0) threads.create_thread([this] { read_loop(); });
    threads.create_thread([this, index] { write_loop(static_cast<std::size_t>(index)); });
  }
}

void WorkerPool::Impl::fail(std::exception_ptr error) {
  if (failed.exchange(true)) return;
  closed = true;
  events.enqueue({PoolEvent::Kind::kFailed, {}, 0, std::move(error)});
}

/// Reads for the writers that ask. A request for which there is no range yet is kept and tried
/// again, so that it does not hold up the others.
void WorkerPool::Impl::read_loop() {
  Session session(session_options(options, plan.schema, SessionRole::kReader, log), stop, log);
  std::vector<std::size_t> waiting;
  try {
    while (!ending()) {
      grow();
      std::size_t writer = 0;
      if (requests.wait_dequeue_timed(writer, kPollMicroseconds)) waiting.push_back(writer);
      std::erase_if(waiting, [&](std::size_t w) { return serve(session, w); });
    }
  } catch (...) {
    if (!stop.draining()) fail(std::current_exception());
  }
}

bool WorkerPool::Impl::must_wait(const TableJob& job) const {
  return options.run.on_held_horizon == planner::HeldHorizon::kWait && horizon.held() &&
         needs_passes(job, options.run);
}

/// None when it failed for a reason that may pass: the writer asks again.
std::optional<RangeTask> WorkerPool::Impl::claim(Session& session) {
  constexpr int kTries = 100;
  try {
    auto task = claims.next(session, [this](const TableJob& job) { return must_wait(job); });
    claim_failures = 0;
    return task;
  } catch (const sql::Error& error) {
    const Disposition disposition = classify(error.sqlstate(), error.connection_lost());
    const bool hopeless =
        disposition == Disposition::kFail || disposition == Disposition::kIsolateRow;
    if (hopeless || ++claim_failures > kTries) throw;
    log(LogLevel::kWarning, fmt::format("claiming a range: {}; trying again", error.what()));
    stop.sleep(kClaimPause);
    return std::nullopt;
  }
}

/// A range that nothing keeps waiting; those passed over come first once the horizon is free.
bool WorkerPool::Impl::next_range(Session& session, RangeTask& task) {
  if (!horizon.held()) {
    while (held_back.try_dequeue(task)) {
      if (!task.claim->lost) return true;
    }
  }
  while (auto claimed = claim(session)) {
    if (needs_passes(*claimed->job, options.run)) {
      const MutexLock lock(horizon_start);
      horizon.start();
    }
    if (!must_wait(*claimed->job)) {
      task = std::move(*claimed);
      return true;
    }
    held_back.enqueue(std::move(*claimed));
  }
  return false;
}

/// Gives the writer a range to read where it has none. One that must wait is put by, not given
/// to another writer: its windows are to be written in order.
bool WorkerPool::Impl::has_range(Session& session, Writer& writer) {
  for (auto* position : {&writer.position, &writer.paused}) {
    if (*position && (*position)->task.claim->lost) position->reset();
  }
  if (writer.position && !writer.position->exhausted) {
    if (!must_wait(*writer.position->task.job)) return true;
    if (writer.paused) return false;
    writer.paused = std::exchange(writer.position, std::nullopt);
  }
  if (writer.paused && !must_wait(*writer.paused->task.job)) {
    writer.position = std::exchange(writer.paused, std::nullopt);
    return true;
  }
  RangeTask task;
  if (!next_range(session, task)) return false;
  writer.position.emplace(std::move(task));
  return true;
}

/// To the other writers; this one has nothing of them in hand.
void WorkerPool::Impl::leave_ranges(Writer& writer) {
  for (auto* position : {&writer.position, &writer.paused}) {
    if (!*position) continue;
    const RangeTask& task = (*position)->task;
    if (!task.claim->lost) claims.give_back(task.range.range_id, *task.claim);
    position->reset();
  }
}

/// False when the writer must go on waiting.
bool WorkerPool::Impl::serve(Session& session, std::size_t index) {
  Writer& writer = *writers[index];
  if (static_cast<int>(index) >= control.workers()) {
    if (!writer.busy) leave_ranges(writer);
    return false;
  }
  if (!has_range(session, writer)) return false;
  if (WindowPtr window = read(session, *writer.position)) {
    writer.inbox.enqueue(std::move(window));
    return true;
  }
  return false;
}

/// Null when a stop was asked for. Reading changes nothing, so whatever may pass is tried again.
WorkerPool::Impl::WindowPtr WorkerPool::Impl::read(Session& session, ReadPosition& position) {
  Backoff backoff(std::chrono::milliseconds(50), std::chrono::milliseconds(5000),
                  std::random_device{}());
  constexpr int kTries = 20;
  planner::RunOptions run = control.settings();
  if (horizon.held() && needs_passes(*position.task.job, run)) run.passes = 1;
  for (int attempt = 1; !ending(); ++attempt) {
    try {
      WindowPtr window = read_window(session.get(), position, run);
      sync_point(SyncPoint::kWindowRead);
      return window;
    } catch (const sql::Error& error) {
      const Disposition disposition = classify(error.sqlstate(), error.connection_lost());
      const bool hopeless =
          disposition == Disposition::kFail || disposition == Disposition::kIsolateRow;
      if (hopeless || attempt >= kTries) throw;
      log(LogLevel::kWarning, fmt::format("reading {}: {}; trying again",
                                          position.task.job->table.table.display(), error.what()));
      stop.sleep(backoff.next());
    }
  }
  return nullptr;
}

void WorkerPool::Impl::write_loop(std::size_t index) {
  try {
    BatchWriter batches(options, plan.schema, job_id, static_cast<int>(index), throttle, stop,
                        board, log);
    Writer& writer = *writers[index];
    requests.enqueue(index);
    batches.connect();
    while (!ending()) {
      WindowPtr window;
      if (!writer.inbox.wait_dequeue_timed(window, kPollMicroseconds)) {
        if (batches.parked()) batches.disconnect();
        continue;
      }
      writer.busy = true;
      requests.enqueue(index);
      if (!window->claim->lost) write(batches, *window);
      writer.busy = false;
    }
  } catch (...) {
    if (!stop.cancelling()) fail(std::current_exception());
  }
}

void WorkerPool::Impl::write(BatchWriter& batches, const Window& window) {
  switch (batches.write(window)) {
    case WriteOutcome::kStopped:
      return;
    case WriteOutcome::kParked:
      claims.give_back(window.range_id, *window.claim);
      return;
    case WriteOutcome::kLost:
      claims.lost(window);
      log(LogLevel::kWarning, fmt::format("{}: a range of ours was taken over by another process",
                                          window.job->table.table.display()));
      return;
    case WriteOutcome::kWritten:
      break;
  }
  if (!window.last) return;
  sync_point(SyncPoint::kRangeDone);
  claims.done(window);
  board.range_done(window.job->step_id);
  events.enqueue({PoolEvent::Kind::kRangeDone, window.job->step_id, window.job->round, {}});
}

WorkerPool::WorkerPool(const planner::JobSpec& spec, const planner::Plan& plan,
                       const EngineOptions& options, int job_id, Throttle& throttle,
                       ProgressBoard& board, StopSignal& stop, LogSink log)
    : impl_(std::make_unique<Impl>(spec, plan, options, job_id, throttle, board, stop,
                                   std::move(log))) {
  impl_->grow();
}

WorkerPool::~WorkerPool() {
  {
    const MutexLock lock(impl_->growing);
    impl_->closed = true;
  }
  impl_->threads.join_all();
}

void WorkerPool::look() { impl_->claims.look(); }

bool WorkerPool::wait(PoolEvent& event, std::chrono::milliseconds timeout) {
  impl_->grow();
  return impl_->events.wait_dequeue_timed(
      event, std::chrono::duration_cast<std::chrono::microseconds>(timeout).count());
}

}  // namespace pgbackfill::engine
