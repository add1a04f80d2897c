#pragma once

#include "engine/backfill/table_job.hpp"
#include "engine/backfill/window.hpp"
#include "engine/engine.hpp"
#include "engine/mutex.hpp"
#include "engine/session.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace pgbackfill::engine {

/// The job's plan has got steps since this process read it.
struct PlanOutdated : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The ranges that this process holds, and how it comes by them: one at a time, from the open
/// rounds in the ledger, of which other processes take theirs too. Thread-safe.
class RangeClaims {
 public:
  using Filter = std::function<bool(const TableJob&)>;

  RangeClaims(const planner::JobSpec& spec, const planner::Plan& plan, const EngineOptions& options,
              int job_id)
      : spec_(spec), plan_(plan), options_(options), job_id_(job_id) {}

  /// Claims a range; nullopt where there is none, or was none a moment ago. Of a table of which
  /// `passed_over` is true, none that it knows. Throws sql::Error; it may then be called again.
  std::optional<RangeTask> next(Session& session, const Filter& passed_over);
  /// There are new ranges: next() asks again.
  void look() noexcept { ++news_; }
  void done(const Window& window);
  /// A worker leaves its range to the others, of this process first.
  void give_back(std::int64_t range_id, Claim& claim);
  /// Another process has the window's range.
  void lost(const Window& window);

 private:
  std::shared_ptr<TableJob> job_of(const RoundRecord& round);
  void forget(std::int64_t range_id, const Claim& claim);

  const planner::JobSpec& spec_;
  const planner::Plan& plan_;
  const EngineOptions& options_;
  const int job_id_;
  std::atomic<int> news_{0};
  Mutex asking_;                                           ///< one claim at a time
  int news_seen_ = -1;                                     // guarded by asking_, as the next four
  std::chrono::steady_clock::time_point ask_again_;        ///< unless there is news
  std::chrono::milliseconds interval_{};                   ///< between looks that find nothing
  std::map<std::string, std::shared_ptr<TableJob>> jobs_;  ///< of the latest round, by step
  Mutex mutex_;
  std::map<std::int64_t, std::shared_ptr<Claim>> held_;  // guarded by mutex_
};

}  // namespace pgbackfill::engine
