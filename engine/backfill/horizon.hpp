#pragma once

#include "engine/engine.hpp"
#include "engine/mutex.hpp"
#include "engine/stop.hpp"
#include "sql/connection.hpp"

#include <boost/thread/condition_variable.hpp>
#include <boost/thread/thread.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

enum class HolderKind { kSession, kPreparedTransaction, kReplicationSlot, kStandby };

/// "session", "prepared transaction", "replication slot" or "standby".
std::string_view to_string(HolderKind kind) noexcept;
std::optional<HolderKind> parse_holder_kind(std::string_view text) noexcept;

/// Something whose old snapshot or open transaction keeps the server from removing row versions
/// that are newer, and so from making room on full pages.
struct HorizonHolder {
  HolderKind kind = HolderKind::kSession;
  int pid = 0;                    ///< 0: none
  std::string name;               ///< application, transaction (gid), slot or standby
  std::string user;               ///< empty: unknown
  std::string database;           ///< another one than ours; else empty
  std::string state;              ///< empty: unknown
  std::string xmin;               ///< the oldest transaction whose effects it may have to see
  std::int64_t age = 0;           ///< transactions begun since then; 0: it holds nothing back yet
  std::optional<double> seconds;  ///< since its transaction began, where known
};

/// All holders for the tables of the connection's database, the oldest first; sessions of
/// pgbackfill are left out. Needs no privileges, but the server shows an ordinary role neither
/// state nor time of other users' sessions.
std::vector<HorizonHolder> horizon_holders(sql::Connection& connection);

/// Those that have lasted, as far as one look can tell: they hold something back and are not
/// known to be younger than the time after which the horizon counts as held.
std::vector<HorizonHolder> lasting(std::vector<HorizonHolder> holders);

/// "session 4711 (psql, user app, idle in transaction) since 125 s, 30211 transactions back".
std::string describe(const HorizonHolder& holder);

/// What an operator can do about it, as a sentence.
std::string advice(const HorizonHolder& holder);

/// Tells from look to look whether the horizon is held and what is to be said about it. Thread-
/// compatible.
class HorizonTracker {
 public:
  using Clock = std::chrono::steady_clock;
  struct Message {
    LogLevel level = LogLevel::kInfo;
    std::string text;
  };

  explicit HorizonTracker(planner::HeldHorizon reaction) noexcept : reaction_(reaction) {}

  /// Takes in what one look found. The horizon is held once a holder has stood on the same
  /// transaction for three seconds. There is a message when it becomes held, when the holder is
  /// another one, every five minutes, and at the end of what was announced.
  std::optional<Message> observe(const std::vector<HorizonHolder>& holders, Clock::time_point now);
  bool held() const noexcept { return held_; }

 private:
  std::optional<Message> announce(const HorizonHolder& holder, Clock::time_point now);
  std::optional<Message> release();

  const planner::HeldHorizon reaction_;
  std::map<std::string, Clock::time_point> first_seen_;
  bool held_ = false;
  bool announced_ = false;  ///< since it became held
  std::string last_holder_;
  Clock::time_point last_said_;
};

/// Looks every second, in a thread and session of its own, whether something holds the horizon
/// back, and logs it. Where it cannot look (the link is lost) it says nothing and tries again: it
/// never fails a job. start() and the destructor belong to one owner thread.
class HorizonWatch {
 public:
  HorizonWatch(const EngineOptions& options, StopSignal& stop, LogSink log);
  ~HorizonWatch();
  HorizonWatch(const HorizonWatch&) = delete;
  HorizonWatch& operator=(const HorizonWatch&) = delete;

  /// Begins to look; harmless when it has begun.
  void start();
  /// Thread-safe and cheap. False where that is not known.
  bool held() const noexcept { return held_.load(std::memory_order_relaxed); }

 private:
  void run();
  void look();

  const sql::ConnectOptions connect_;
  StopSignal& stop_;
  const LogSink log_;
  HorizonTracker tracker_;
  std::optional<sql::Connection> connection_;
  std::optional<StopSignal::Lease> lease_;
  std::atomic<bool> held_{false};
  Mutex mutex_;
  boost::condition_variable wake_;
  bool ended_ = false;  // guarded by mutex_
  boost::thread thread_;
};

}  // namespace pgbackfill::engine
