#pragma once

#include "engine/engine.hpp"
#include "engine/mutex.hpp"
#include "sql/connection.hpp"

#include <boost/thread/condition_variable.hpp>
#include <boost/thread/thread.hpp>

#include <optional>
#include <string_view>

namespace pgbackfill::engine {

/// Sends a process's heartbeat and renews the leases of its ranges, three times a lease, in a
/// thread and session of its own, from its construction to its destruction. Where it cannot (the
/// link is lost) it tries again: what others have taken over by then, no batch writes any more.
class LeaseKeeper {
 public:
  LeaseKeeper(const EngineOptions& options, std::string_view schema, int job_id, LogSink log);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

 private:
  void run();
  void renew();

  const EngineOptions options_;
  const sql::ConnectOptions connect_;
  const int job_id_;
  const LogSink log_;
  std::optional<sql::Connection> connection_;  // the thread's
  bool failing_ = false;                       // the thread's
  Mutex mutex_;
  boost::condition_variable wake_;
  bool ended_ = false;  // guarded by mutex_
  boost::thread thread_;
};

}  // namespace pgbackfill::engine
