#pragma once

#include "sql/connection.hpp"

#include <boost/thread/thread.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::bench {

/// What one run of a contestant cost and left behind. Growth is after / before.
struct Measurement {
  double seconds = 0;
  double rows_per_second = 0;
  double hot_ratio = 0;  ///< of all row versions written; 0 when none was
  double heap_growth = 1;
  double index_growth = 1;
  double wal_megabytes = 0;       ///< 2^20 bytes
  double cpu_seconds = 0;         ///< of the client, user and system
  double peak_rss_megabytes = 0;  ///< of the client
  double connections = 0;         ///< most sessions seen in the database at once
};

/// Each figure's median by itself. REQUIRES: not empty.
Measurement median(const std::vector<Measurement>& runs);

/// A table and the server's log at a moment.
struct TableState {
  std::int64_t heap_bytes = 0;
  std::int64_t index_bytes = 0;
  std::int64_t wal_position = 0;
  std::int64_t updated = 0;
  std::int64_t updated_hot = 0;
};

/// `table` is a regclass text. Waits up to three seconds until the statistics show
/// `expected_updates`: sessions report theirs when they end.
TableState read_state(sql::Connection& session, std::string_view table,
                      std::int64_t expected_updates);

/// Fills in what the two states tell.
void add_difference(const TableState& before, const TableState& after, Measurement& measurement);

/// Counts the sessions of a database while it lives, from a session in another database, so that
/// no snapshot of ours holds pruning back.
class ConnectionCounter {
 public:
  /// `dsn` must lead to another database of the same server.
  ConnectionCounter(const std::string& dsn, std::string database);
  ~ConnectionCounter();
  ConnectionCounter(const ConnectionCounter&) = delete;
  ConnectionCounter& operator=(const ConnectionCounter&) = delete;
  int most() const noexcept { return most_; }

 private:
  void watch();

  sql::Connection session_;
  std::string database_;
  std::atomic<bool> ending_{false};
  std::atomic<int> most_{0};
  boost::thread thread_;
};

/// User and system time of the calling thread so far.
double thread_cpu_seconds();

/// Starts the peak of this process's memory anew where the kernel allows it, and reads it.
void reset_own_peak_rss();
std::int64_t own_peak_rss_bytes();

}  // namespace pgbackfill::bench
