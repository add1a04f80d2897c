#pragma once

#include "engine/control/control_watch.hpp"
#include "engine/engine.hpp"
#include "engine/mutex.hpp"
#include "sql/connection.hpp"

#include <boost/thread/condition_variable.hpp>
#include <boost/thread/thread.hpp>

#include <chrono>
#include <optional>
#include <string_view>

namespace pgbackfill::engine {

/// Sends a process's heartbeat and renews the leases of its ranges, three times a lease, and lets
/// the watch look what operators ask for, four times a second, in a thread and session of its own,
/// from its construction to its destruction. Where it cannot (the link is lost) it tries again:
/// what others have taken over by then, no batch writes any more.
class LeaseKeeper {
 public:
  LeaseKeeper(const EngineOptions& options, std::string_view schema, int job_id,
              ControlWatch& watch, LogSink log);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

 private:
  void run();
  void beat();

  const EngineOptions options_;
  const sql::ConnectOptions connect_;
  const int job_id_;
  ControlWatch& watch_;  // the thread's, as the next three
  const LogSink log_;
  std::optional<sql::Connection> connection_;
  bool failing_ = false;
  std::chrono::steady_clock::time_point renew_at_;
  Mutex mutex_;
  boost::condition_variable wake_;
  bool ended_ = false;  // guarded by mutex_
  boost::thread thread_;
};

}  // namespace pgbackfill::engine
