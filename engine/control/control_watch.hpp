#pragma once

#include "engine/control/run_control.hpp"
#include "engine/engine.hpp"
#include "engine/ledger/control_ledger.hpp"
#include "sql/connection.hpp"

#include <memory>

namespace pgbackfill::engine {

/// Makes a process of a job do what operators ask for in the ledger. One thread at a time.
class ControlWatch {
 public:
  /// As options.process, for options.control.
  ControlWatch(const EngineOptions& options, int job_id, ProgressBoard& board, StopSignal& stop,
               LogSink log);

  /// Obeys what has been asked for since the last look, and says so in the ledger. The first time:
  /// a pause of whenever. Throws sql::Error; it may then be called again, on another connection.
  void look(sql::Connection& connection);

 private:
  void obey(const ControlRequest& request);
  void pause(const ControlRequest& request);
  void resume(const ControlRequest& request);
  void stop(const ControlRequest& request);
  void change(const ControlRequest& request);

  const std::shared_ptr<RunControl> control_;
  const std::int64_t process_;
  const int job_id_;
  ProgressBoard& board_;
  StopSignal& stop_;
  const LogSink log_;
  std::int64_t heard_ = -1;  ///< the last request known; -1: none has been looked for
};

}  // namespace pgbackfill::engine
