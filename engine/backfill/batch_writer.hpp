#pragma once

#include "engine/backfill/window.hpp"
#include "engine/control/run_control.hpp"
#include "engine/engine.hpp"
#include "engine/retry_policy.hpp"
#include "engine/session.hpp"
#include "engine/throttle/throttle.hpp"
#include "sql/connection.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace pgbackfill::engine {

enum class WriteOutcome {
  kWritten,  ///< the whole window is written and checkpointed
  kStopped,  ///< a stop came first
  kParked,   ///< there are to be fewer writers: the rest of the window is not written
  kLost,     ///< another process has taken the range over: from then on nothing was written
};

/// Writes windows: one transaction per batch with its ledger row, retried as classify() says. Owns
/// one connection, opened when first needed; one owner thread.
class BatchWriter {
 public:
  /// As options.process of the job, whose ranges alone it writes. `index`: it is parked while there
  /// are to be so many writers or fewer.
  BatchWriter(const EngineOptions& options, std::string_view schema, int job_id, int index,
              Throttle& throttle, StopSignal& stop, ProgressBoard& board, LogSink log);

  /// Connects, while the first window is still being read. A failure shows with write().
  void connect() noexcept;

  bool parked() const noexcept { return index_ >= control_->workers(); }
  /// Gives the connection up until the next window.
  void disconnect() noexcept { session_.close(); }

  /// Throws what retrying cannot mend.
  WriteOutcome write(const Window& window);

 private:
  struct Checkpoint {
    bool moves = false;  ///< the cursor goes to the window's end
    bool range_done = false;
  };
  /// By the settings as they are now.
  std::int64_t rows_of_batch(TableJob& job) const;
  sql::Connection& session(const TableJob& job);
  void prepare_for(const TableJob& job, sql::Connection& connection);
  struct Changed {
    std::int64_t rows = 0;
    std::optional<std::int64_t> hot;  ///< those that stayed on their page, where it is counted
  };
  /// nullopt: the range is lost.
  std::optional<Changed> run(const Window& window, const Batch& batch, Checkpoint checkpoint);
  /// Whether the range that the server did not write to is lost; else it was done before.
  bool lost(const Window& window);
  sql::Result send(sql::Connection& connection, const Window& window, const Batch& batch,
                   const sql::Params& ledger);
  sql::Result send_copied(sql::Connection& connection, const Window& window, const Batch& batch,
                          const sql::Params& params);
  /// False when the range is lost.
  bool mark(const Window& window);
  /// Decides about a failed batch: true to go on with `pending` (which may have changed).
  void handle(const sql::Error& error, const Window& window, std::deque<Batch>& pending);
  /// Writes what is pending in the window again by the copy method.
  WriteOutcome write_isolating(const Window& window);
  bool split_front(std::deque<Batch>& pending) const;
  void split_to(std::deque<Batch>& pending, std::int64_t rows) const;
  void quarantine(const sql::Error& error, const Window& window, const Batch& batch);
  void pause(const sql::Error& error, Disposition disposition);

  const int job_id_;
  const int index_;
  const std::shared_ptr<RunControl> control_;
  const std::string owner_;
  const std::string lease_;  ///< milliseconds
  const std::int64_t max_quarantined_;
  Throttle& throttle_;
  StopSignal& stop_;
  ProgressBoard& board_;
  LogSink log_;
  Session session_;
  const TableJob* prepared_ = nullptr;  ///< the table that the session's stage is made for
  int prepared_on_ = 0;                 ///< which of the session's connections
  std::string buffer_;
  Backoff backoff_;
  std::optional<std::chrono::steady_clock::time_point> failing_since_;
  std::chrono::steady_clock::time_point alarmed_{};  ///< when a full disk was last spoken of
};

}  // namespace pgbackfill::engine
