#include "engine/lease_keeper.hpp"

#include "engine/ledger/process_ledger.hpp"
#include "engine/session.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::engine {
namespace {

constexpr std::chrono::milliseconds kFirstLookAfter{1000};
constexpr std::chrono::milliseconds kLookEvery{250};

}  // namespace

LeaseKeeper::LeaseKeeper(const EngineOptions& options, std::string_view schema, int job_id,
                         ControlWatch& watch, LogSink log)
    : options_(options),
      connect_(session_options(options, schema, SessionRole::kLease, log)),
      job_id_(job_id),
      watch_(watch),
      log_(std::move(log)),
      thread_([this] { run(); }) {}

LeaseKeeper::~LeaseKeeper() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void LeaseKeeper::run() {
  // The lease is new and control was looked at just now: a short job needs no session for them.
  boost::chrono::milliseconds wait(std::min(kFirstLookAfter, options_.lease / 3).count());
  boost::unique_lock<Mutex> lock(mutex_);
  while (!wake_.wait_for(lock, wait, [this] { return ended_; })) {
    lock.unlock();
    beat();
    lock.lock();
    wait = boost::chrono::milliseconds(std::min(kLookEvery, options_.lease / 3).count());
  }
}

void LeaseKeeper::beat() {
  try {
    if (!connection_) connection_.emplace(connect_);
    if (const auto now = std::chrono::steady_clock::now(); now >= renew_at_) {
      ProcessLedger(*connection_, job_id_).renew(options_.process, options_.lease);
      renew_at_ = now + options_.lease / 3;
    }
    watch_.look(*connection_);
    failing_ = false;
  } catch (const std::exception& error) {
    connection_.reset();
    if (!failing_ && log_) {
      log_(LogLevel::kWarning,
           fmt::format("the leases of our ranges cannot be renewed: {}; trying again",
                       error.what()));
    }
    failing_ = true;
  }
}

}  // namespace pgbackfill::engine
