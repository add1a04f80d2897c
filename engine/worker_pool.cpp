#include "engine/worker_pool.hpp"

#include "engine/batch_writer.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/window_reader.hpp"

#include <boost/thread/thread.hpp>
#include <concurrentqueue/blockingconcurrentqueue.h>
#include <concurrentqueue/concurrentqueue.h>
#include <fmt/format.h>

#include <atomic>
#include <optional>
#include <vector>

namespace pgbackfill::engine {
namespace {

/// One reader keeps this many writers busy: reading a row costs a small part of writing it.
constexpr int kWritersPerReader = 2;
constexpr std::int64_t kPollMicroseconds = 20'000;

}  // namespace

struct WorkerPool::Impl {
  using WindowPtr = std::unique_ptr<Window>;
  using Inbox = moodycamel::BlockingConcurrentQueue<WindowPtr>;

  /// A writer thread and the range it is on. `position` belongs to the reader that holds the
  /// writer's one outstanding request; requests hand it on.
  struct Writer {
    Inbox inbox;
    std::optional<ReadPosition> position;
  };

  Impl(const EngineOptions& engine_options, std::string job_schema, int job,
       ProgressBoard& progress, StopSignal& stop_signal, LogSink log_sink)
      : options(engine_options),
        schema(std::move(job_schema)),
        job_id(job),
        board(progress),
        stop(stop_signal),
        log(std::move(log_sink)) {}

  bool ending() const { return closed.load() || stop.draining(); }
  void fail(std::exception_ptr error);
  void read_loop();
  bool serve(Session& session, std::size_t writer);
  WindowPtr read(Session& session, ReadPosition& position);
  void write_loop(std::size_t index);

  const EngineOptions options;
  const std::string schema;
  const int job_id;
  ProgressBoard& board;
  StopSignal& stop;
  const LogSink log;

  moodycamel::ConcurrentQueue<RangeTask> ranges;
  moodycamel::BlockingConcurrentQueue<std::size_t> requests;
  moodycamel::BlockingConcurrentQueue<PoolEvent> events;
  std::vector<std::unique_ptr<Writer>> writers;
  boost::thread_group threads;
  std::atomic<bool> closed{false};
  std::atomic<bool> failed{false};
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

/// False when the writer must go on waiting.
bool WorkerPool::Impl::serve(Session& session, std::size_t index) {
  Writer& writer = *writers[index];
  if (!writer.position || writer.position->exhausted) {
    RangeTask task;
    if (!ranges.try_dequeue(task)) return false;
    writer.position.emplace(std::move(task));
  }
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
  for (int attempt = 1; !ending(); ++attempt) {
    try {
      return read_window(session.get(), position, options.run);
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
                        fmt::format("worker {}", index + 1), stop, board, log);
    Inbox& inbox = writers[index]->inbox;
    requests.enqueue(index);
    while (!ending()) {
      WindowPtr window;
      if (!inbox.wait_dequeue_timed(window, kPollMicroseconds)) continue;
      requests.enqueue(index);
      if (!batches.write(*window)) return;
      if (window->last) {
        board.range_done(window->job->step_id);
        events.enqueue({PoolEvent::Kind::kRangeDone, window->job, nullptr});
      }
    }
  } catch (...) {
    if (!stop.cancelling()) fail(std::current_exception());
  }
}

WorkerPool::WorkerPool(const EngineOptions& options, std::string schema, int job_id,
                       ProgressBoard& board, StopSignal& stop, LogSink log)
    : impl_(
          std::make_unique<Impl>(options, std::move(schema), job_id, board, stop, std::move(log))) {
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

void WorkerPool::add(RangeTask task) { impl_->ranges.enqueue(std::move(task)); }

bool WorkerPool::wait(PoolEvent& event, std::chrono::milliseconds timeout) {
  return impl_->events.wait_dequeue_timed(
      event, std::chrono::duration_cast<std::chrono::microseconds>(timeout).count());
}

}  // namespace pgbackfill::engine
