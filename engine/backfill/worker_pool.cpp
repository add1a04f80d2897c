#include "engine/backfill/worker_pool.hpp"

#include "engine/backfill/batch_writer.hpp"
#include "engine/backfill/horizon.hpp"
#include "engine/backfill/window_reader.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/sync_point.hpp"

#include <boost/thread/thread.hpp>
#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/concurrentqueue.h>
#include <fmt/format.h>

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

namespace pgbackfill::engine {
namespace {

/// One reader keeps this many writers busy: reading a row costs a small part of writing it.
constexpr int kWritersPerReader = 2;
constexpr std::int64_t kPollMicroseconds = 5'000;

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
  };

  Impl(const EngineOptions& engine_options, std::string job_schema, int job, Throttle& slow_down,
       ProgressBoard& progress, StopSignal& stop_signal, LogSink log_sink)
      : options(engine_options),
        schema(std::move(job_schema)),
        job_id(job),
        throttle(slow_down),
        board(progress),
        stop(stop_signal),
        log(log_sink),
        horizon(engine_options, stop_signal, std::move(log_sink)) {}

  bool ending() const { return closed.load() || stop.draining(); }
  void fail(std::exception_ptr error);
  void read_loop();
  bool must_wait(const TableJob& job) const;
  bool next_range(RangeTask& task);
  bool has_range(Writer& writer);
  bool serve(Session& session, std::size_t writer);
  WindowPtr read(Session& session, ReadPosition& position);
  void write_loop(std::size_t index);

  const EngineOptions options;
  const std::string schema;
  const int job_id;
  Throttle& throttle;
  ProgressBoard& board;
  StopSignal& stop;
  const LogSink log;

  moodycamel::ConcurrentQueue<RangeTask> ranges;
  moodycamel::ConcurrentQueue<RangeTask> held_back;  ///< wait for the horizon
  moodycamel::BlockingConcurrentQueue<std::size_t> requests;
  moodycamel::BlockingConcurrentQueue<PoolEvent> events;
  std::vector<std::unique_ptr<Writer>> writers;
  boost::thread_group threads;
  std::atomic<bool> closed{false};
  std::atomic<bool> failed{false};
  HorizonWatch horizon;
};

void WorkerPool::Impl::fail(std::exception_ptr error) {
  if (failed.exchange(true)) return;
  closed = true;
  events.enqueue({PoolEvent::Kind::kFailed, nullptr, std::move(error)});
}

/// Reads for the writers that ask. A request for which there is no range yet is kept and tried
/// again, so that it does not hold up the others.
void WorkerPool::Impl::read_loop() {
  Session session(session_options(options, schema, SessionRole::kReader, log), stop, log);
  std::vector<std::size_t> waiting;
  try {
    while (!ending()) {
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

/// A range that nothing keeps waiting; those passed over come first once the horizon is free.
bool WorkerPool::Impl::next_range(RangeTask& task) {
  if (!horizon.held() && held_back.try_dequeue(task)) return true;
  while (ranges.try_dequeue(task)) {
    if (!must_wait(*task.job)) return true;
    held_back.enqueue(std::move(task));
  }
  return false;
}

/// Gives the writer a range to read where it has none. One that must wait is put by, not given
/// to another writer: its windows are to be written in order.
bool WorkerPool::Impl::has_range(Writer& writer) {
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
  if (!next_range(task)) return false;
  writer.position.emplace(std::move(task));
  return true;
}

/// False when the writer must go on waiting.
bool WorkerPool::Impl::serve(Session& session, std::size_t index) {
  Writer& writer = *writers[index];
  if (!has_range(writer)) return false;
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
  planner::RunOptions run = options.run;
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
    BatchWriter batches(session_options(options, schema, SessionRole::kWriter, log), job_id,
                        fmt::format("worker {}", index + 1), options.run.max_quarantined, throttle,
                        stop, board, log);
    Inbox& inbox = writers[index]->inbox;
    requests.enqueue(index);
    batches.connect();
    while (!ending()) {
      WindowPtr window;
      if (!inbox.wait_dequeue_timed(window, kPollMicroseconds)) continue;
      requests.enqueue(index);
      if (!batches.write(*window)) return;
      if (window->last) {
        sync_point(SyncPoint::kRangeDone);
        board.range_done(window->job->step_id);
        events.enqueue({PoolEvent::Kind::kRangeDone, window->job, nullptr});
      }
    }
  } catch (...) {
    if (!stop.cancelling()) fail(std::current_exception());
  }
}

WorkerPool::WorkerPool(const EngineOptions& options, std::string schema, int job_id,
                       Throttle& throttle, ProgressBoard& board, StopSignal& stop, LogSink log)
    : impl_(std::make_unique<Impl>(options, std::move(schema), job_id, throttle, board, stop,
                                   std::move(log))) {
  const int writers = options.run.workers;
  for (int i = 0; i < writers; ++i) impl_->writers.push_back(std::make_unique<Impl::Writer>());
  const int readers = (writers + kWritersPerReader - 1) / kWritersPerReader;
  for (int i = 0; i < readers; ++i) {
    impl_->threads.create_thread([impl = impl_.get()] { impl->read_loop(); });
  }
  for (std::size_t i = 0; i < impl_->writers.size(); ++i) {
    impl_->threads.create_thread([impl = impl_.get(), i] { impl->write_loop(i); });
  }
}

WorkerPool::~WorkerPool() {
  impl_->closed = true;
  impl_->threads.join_all();
}

void WorkerPool::add(RangeTask task) {
  if (needs_passes(*task.job, impl_->options.run)) impl_->horizon.start();
  impl_->ranges.enqueue(std::move(task));
}

bool WorkerPool::wait(PoolEvent& event, std::chrono::milliseconds timeout) {
  return impl_->events.wait_dequeue_timed(
      event, std::chrono::duration_cast<std::chrono::microseconds>(timeout).count());
}

}  // namespace pgbackfill::engine
