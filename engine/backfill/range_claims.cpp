#include "engine/backfill/range_claims.hpp"

#include "engine/control/run_control.hpp"
#include "engine/ledger/process_ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace pgbackfill::engine {
namespace {

constexpr std::chrono::milliseconds kFirstInterval{200};
constexpr std::chrono::milliseconds kLastInterval{1000};

}  // namespace

std::optional<RangeTask> RangeClaims::next(Session& session, const Filter& passed_over) {
  const MutexLock asking(asking_);
  const int news = news_.load();
  if (news == news_seen_ && std::chrono::steady_clock::now() < ask_again_) return std::nullopt;
  std::vector<std::string> known;
  {
    const MutexLock lock(mutex_);
    for (const auto& [range_id, claim] : held_) known.push_back(std::to_string(range_id));
  }
  std::vector<std::string> steps;
  for (const auto& [step_id, job] : jobs_) {
    if (passed_over(*job)) steps.push_back(step_id);
  }
  ProcessLedger ledger(session.get(), job_id_);
  auto claimed = ledger.claim(options_.process, options_.lease, known, steps);
  if (!claimed) {
    interval_ = news == news_seen_ ? std::min(kLastInterval, interval_ * 3 / 2) : kFirstInterval;
    news_seen_ = news;
    ask_again_ = std::chrono::steady_clock::now() + interval_;
    return std::nullopt;
  }
  news_seen_ = news - 1;
  RangeTask task{job_of(claimed->round), std::move(claimed->range), std::make_shared<Claim>()};
  const MutexLock lock(mutex_);
  held_[task.range.range_id] = task.claim;
  return task;
}

/// All ranges of a round share one, for its lookups and the batch size reached.
std::shared_ptr<TableJob> RangeClaims::job_of(const RoundRecord& round) {
  std::shared_ptr<TableJob>& job = jobs_[round.step_id];
  if (job && job->round == round.round && job->late == round.late) return job;
  const planner::Step* step = plan_.step(round.step_id);
  if (step == nullptr || !step->backfill) {
    throw PlanOutdated(
        fmt::format("the ledger has ranges of {}, which is not in the plan", round.step_id));
  }
  job = std::make_shared<TableJob>(*step, round, spec_, options_.control->settings());
  return job;
}

void RangeClaims::done(const Window& window) { forget(window.range_id, *window.claim); }

/// In the ledger it stays this process's, which finds it there as one that it does not know.
void RangeClaims::give_back(std::int64_t range_id, Claim& claim) {
  claim.lost = true;
  forget(range_id, claim);
  look();
}

void RangeClaims::lost(const Window& window) {
  window.claim->lost = true;
  forget(window.range_id, *window.claim);
}

void RangeClaims::forget(std::int64_t range_id, const Claim& claim) {
  const MutexLock lock(mutex_);
  const auto found = held_.find(range_id);
  if (found != held_.end() && found->second.get() == &claim) held_.erase(found);
}

}  // namespace pgbackfill::engine
