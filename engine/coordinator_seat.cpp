#include "engine/coordinator_seat.hpp"

#include <boost/chrono.hpp>
#include <boost/thread/thread.hpp>
#include <fmt/format.h>

#include <chrono>

namespace pgbackfill::engine {
namespace {

/// Session advisory lock of the one coordinator of a database ("pgbkfill" in ASCII), and that of
/// the sessions that work for it.
constexpr std::int64_t kCoordinatorLock = 0x7067626b66696c6c;
constexpr std::int64_t kWorkerLock = kCoordinatorLock + 1;

/// A session that has ended keeps its locks until its backend has noticed.
constexpr std::chrono::seconds kSeatPatience{1};
constexpr boost::chrono::milliseconds kLookEvery{20};

std::string key(std::int64_t lock) { return std::to_string(lock); }

bool acquire(sql::Connection& connection, std::int64_t lock, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (connection.execute("SELECT pg_try_advisory_lock($1::bigint)", {key(lock)}).boolean(0, 0)) {
      return true;
    }
    if (std::chrono::steady_clock::now() > end) return false;
    boost::this_thread::sleep_for(kLookEvery);
  }
}

/// One who holds the lock, for people.
std::string holder_of(sql::Connection& connection, std::int64_t lock) {
  const sql::Result holder = connection.execute(
      "SELECT a.pid, coalesce(a.usename, '?'), coalesce(a.application_name, '?'), "
      "coalesce(host(a.client_addr), 'local'), coalesce(a.backend_start::text, '?') "
      "FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
      "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
      "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
      "AND l.classid::bigint << 32 | l.objid::bigint = $1::bigint "
      "ORDER BY a.backend_start LIMIT 1",
      {key(lock)});
  if (holder.rows() == 0) return "a session that has ended meanwhile; try again";
  return fmt::format("backend {} (user {}, {}, from {}, since {}); wait for it to end, or stop it",
                     holder.text(0, 0), holder.text(0, 1), holder.text(0, 2), holder.text(0, 3),
                     holder.text(0, 4));
}

}  // namespace

void CoordinatorSeat::take(sql::Connection& coordinator) {
  if (!acquire(coordinator, kCoordinatorLock, kSeatPatience)) {
    throw SeatTaken("another pgbackfill run holds this database: " +
                    holder_of(coordinator, kCoordinatorLock));
  }
  if (!acquire(coordinator, kWorkerLock, patience_)) {
    throw SeatTaken("a session of an earlier run is still at work in this database: " +
                    holder_of(coordinator, kWorkerLock));
  }
  coordinator.execute("SELECT pg_advisory_unlock($1::bigint)", {key(kWorkerLock)});
  pid_ = coordinator.backend_pid();
}

void CoordinatorSeat::leave(sql::Connection& coordinator) {
  coordinator.execute("SELECT pg_advisory_unlock($1::bigint)", {key(kCoordinatorLock)});
}

bool CoordinatorSeat::is_free(sql::Connection& connection) {
  if (!acquire(connection, kCoordinatorLock, std::chrono::milliseconds(0))) return false;
  leave(connection);
  return true;
}

void CoordinatorSeat::join(sql::Connection& worker) const {
  // First the lock, then the look: a new coordinator that this look does not see waits for us.
  worker.execute("SELECT pg_advisory_lock_shared($1::bigint)", {key(kWorkerLock)});
  const sql::Result held = worker.execute(
      "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted "
      "AND objsubid = 1 AND pid = $2::integer "
      "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
      "AND classid::bigint << 32 | objid::bigint = $1::bigint)",
      {key(kCoordinatorLock), std::to_string(pid_)});
  if (!held.boolean(0, 0)) throw SeatLost("the coordinator's session is gone");
}

}  // namespace pgbackfill::engine
