#include "engine/backfill/horizon.hpp"

#include "engine/session.hpp"
#include "sql/identifier.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

namespace pgbackfill::engine {
namespace {

using std::chrono::seconds;

constexpr seconds kHeldAfter{3};
constexpr seconds kRepeatAfter{300};
/// Where long transactions come and go, each names itself, but not all of them.
constexpr seconds kNextHolderAfter{10};
constexpr boost::chrono::seconds kLookEvery{1};
/// The destructor waits for a connection that is being made.
constexpr seconds kConnectTimeout{3};

constexpr std::array kKinds{
    std::pair{HolderKind::kSession, std::string_view("session")},
    std::pair{HolderKind::kPreparedTransaction, std::string_view("prepared transaction")},
    std::pair{HolderKind::kReplicationSlot, std::string_view("replication slot")},
    std::pair{HolderKind::kStandby, std::string_view("standby")}};

HorizonHolder read_holder(const sql::Result& result, int row) {
  HorizonHolder holder;
  holder.kind = parse_holder_kind(result.text(row, 0)).value();
  if (!result.is_null(row, 1)) holder.pid = static_cast<int>(result.integer(row, 1));
  holder.name = result.optional_text(row, 2).value_or("");
  holder.user = result.optional_text(row, 3).value_or("");
  holder.database = result.optional_text(row, 4).value_or("");
  holder.state = result.optional_text(row, 5).value_or("");
  holder.xmin = result.text(row, 6);
  holder.age = result.integer(row, 7);
  if (!result.is_null(row, 8)) holder.seconds = result.real(row, 8);
  return holder;
}

/// Who it is, whatever it stands on.
std::string identity(const HorizonHolder& holder) {
  return fmt::format("{} {} {}", to_string(holder.kind), holder.pid, holder.name);
}

std::string title(const HorizonHolder& holder) {
  switch (holder.kind) {
    case HolderKind::kSession:
      return fmt::format("session {}", holder.pid);
    case HolderKind::kPreparedTransaction:
      return fmt::format("prepared transaction {}", sql::quote_literal(holder.name));
    default:
      return fmt::format("{} {}", to_string(holder.kind), holder.name);
  }
}

std::string_view reaction_text(planner::HeldHorizon reaction) {
  return reaction == planner::HeldHorizon::kWait
             ? "tables that need several passes wait until it ends"
             : "tables are gone over in one pass until it ends, which is slower";
}

sql::ConnectOptions watch_options(const EngineOptions& options) {
  // Without a log: a watch that cannot look must not be heard.
  auto connect = session_options(options, "pg_catalog", SessionRole::kHorizon, {});
  connect.connect_timeout = kConnectTimeout;
  return connect;
}

}  // namespace

std::string_view to_string(HolderKind kind) noexcept {
  for (const auto& [known, text] : kKinds) {
    if (known == kind) return text;
  }
  return "";
}

std::optional<HolderKind> parse_holder_kind(std::string_view text) noexcept {
  for (const auto& [kind, known] : kKinds) {
    if (known == text) return kind;
  }
  return std::nullopt;
}

std::vector<HorizonHolder> horizon_holders(sql::Connection& connection) {
  const sql::Result result = connection.execute(sql::statement("horizon_holders"));
  std::vector<HorizonHolder> holders;
  for (int row = 0; row < result.rows(); ++row) holders.push_back(read_holder(result, row));
  return holders;
}

std::vector<HorizonHolder> lasting(std::vector<HorizonHolder> holders) {
  std::erase_if(holders, [](const HorizonHolder& holder) {
    return holder.age == 0 || (holder.seconds && *holder.seconds < kHeldAfter.count());
  });
  return holders;
}

std::string describe(const HorizonHolder& holder) {
  std::vector<std::string> details;
  if (holder.kind == HolderKind::kSession && !holder.name.empty()) details.push_back(holder.name);
  if (holder.kind != HolderKind::kSession && holder.pid != 0) {
    details.push_back(fmt::format("pid {}", holder.pid));
  }
  if (!holder.user.empty()) details.push_back("user " + holder.user);
  if (!holder.database.empty()) details.push_back("database " + holder.database);
  if (!holder.state.empty()) details.push_back(holder.state);
  std::string text = title(holder);
  if (!details.empty()) text += fmt::format(" ({})", fmt::join(details, ", "));
  if (holder.seconds) text += fmt::format(" since {:.0f} s", *holder.seconds);
  return text + fmt::format(", {} transaction{} back", holder.age, holder.age == 1 ? "" : "s");
}

std::string advice(const HorizonHolder& holder) {
  switch (holder.kind) {
    case HolderKind::kSession:
      return fmt::format("End its transaction, or SELECT pg_terminate_backend({})", holder.pid);
    case HolderKind::kPreparedTransaction:
      return fmt::format("COMMIT PREPARED or ROLLBACK PREPARED {0}{1}",
                         sql::quote_literal(holder.name),
                         holder.database.empty() ? "" : " in database " + holder.database);
    case HolderKind::kReplicationSlot:
      return fmt::format(
          "Let its consumer catch up (a standby: end its long queries), or drop the slot when "
          "nobody needs it: SELECT pg_drop_replication_slot({})",
          sql::quote_literal(holder.name));
    case HolderKind::kStandby:
      break;
  }
  return "End the long queries on it, or set hot_standby_feedback = off there";
}

std::optional<HorizonTracker::Message> HorizonTracker::observe(
    const std::vector<HorizonHolder>& holders, Clock::time_point now) {
  std::map<std::string, Clock::time_point> seen;
  const HorizonHolder* oldest = nullptr;
  for (const HorizonHolder& holder : holders) {
    // A snapshot of the present holds nothing back, however long it has stood.
    if (holder.age == 0) continue;
    const std::string key = identity(holder) + " " + holder.xmin;
    const auto known = first_seen_.find(key);
    const auto since = known == first_seen_.end() ? now : known->second;
    seen.emplace(key, since);
    if (oldest == nullptr && now - since >= kHeldAfter) oldest = &holder;
  }
  first_seen_ = std::move(seen);
  return oldest == nullptr ? release() : announce(*oldest, now);
}

std::optional<HorizonTracker::Message> HorizonTracker::announce(const HorizonHolder& holder,
                                                                Clock::time_point now) {
  held_ = true;
  std::string who = identity(holder);
  if (!last_holder_.empty() &&
      now - last_said_ < (who == last_holder_ ? kRepeatAfter : kNextHolderAfter)) {
    return std::nullopt;
  }
  last_holder_ = std::move(who);
  last_said_ = now;
  announced_ = true;
  return Message{LogLevel::kWarning,
                 fmt::format("old row versions cannot be removed because of {}: {}. {}",
                             describe(holder), reaction_text(reaction_), advice(holder))};
}

std::optional<HorizonTracker::Message> HorizonTracker::release() {
  held_ = false;
  if (!std::exchange(announced_, false)) return std::nullopt;
  return Message{LogLevel::kInfo,
                 "old row versions can be removed again: going on in several passes"};
}

HorizonWatch::HorizonWatch(const EngineOptions& options, StopSignal& stop, LogSink log)
    : connect_(watch_options(options)),
      stop_(stop),
      log_(std::move(log)),
      tracker_(options.run.on_held_horizon) {}

HorizonWatch::~HorizonWatch() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void HorizonWatch::start() {
  if (!thread_.joinable()) thread_ = boost::thread([this] { run(); });
}

void HorizonWatch::run() {
  boost::unique_lock<Mutex> lock(mutex_);
  // First a wait: nothing is held for long when a job begins, and a short one needs no session.
  while (!wake_.wait_for(lock, kLookEvery, [this] { return ended_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void HorizonWatch::look() {
  try {
    if (!connection_) {
      connection_.emplace(connect_);
      lease_.emplace(stop_.watch(connection_->canceller()));
    }
    const auto message =
        tracker_.observe(horizon_holders(*connection_), HorizonTracker::Clock::now());
    held_ = tracker_.held();
    if (message && log_) log_(message->level, message->text);
  } catch (const std::exception&) {
    held_ = false;
    lease_.reset();
    connection_.reset();
  }
}

}  // namespace pgbackfill::engine
