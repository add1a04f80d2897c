#include "engine/job.hpp"

#include "engine/fill_gate.hpp"
#include "engine/partitions.hpp"
#include "engine/sync_point.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

namespace pgbackfill::engine {
namespace {

using planner::Stage;
using planner::Step;
using planner::StepKind;

/// Whose steps of one table may share a transaction.
bool joins(Stage stage) {
  return stage == Stage::kExpand || stage == Stage::kEnforce || stage == Stage::kForeignKey;
}

bool is_long(Stage stage) { return stage >= Stage::kBackfill && stage <= Stage::kIndex; }

}  // namespace

JobRunner::JobRunner(const planner::JobSpec& spec, const planner::Plan& plan,
                     const EngineOptions& options, int job_id, sql::Connection& coordinator,
                     ProgressBoard& board, StopSignal& stop, LogSink log)
    : spec_(spec),
      plan_(plan),
      options_(options),
      job_id_(job_id),
      connection_(coordinator),
      control_(control_of(options)),
      board_(board),
      stop_(stop),
      log_(log),
      ledger_(coordinator),
      throttle_(options, plan, job_id, board, stop, log),
      backfill_(spec, plan, options, job_id, coordinator, throttle_, board, stop, log) {}

bool JobRunner::run() {
  const int last = static_cast<int>(options_.until.value_or(Stage::kFinish));
  for (int stage = 0; stage <= last; ++stage) {
    if (!run_stage(static_cast<Stage>(stage))) return false;
  }
  return true;
}

bool JobRunner::run_stage(Stage stage) {
  std::set<std::string> done;
  for (const StepRecord& record : ledger_.steps(job_id_)) {
    if (record.state == "done") done.insert(record.step_id);
  }
  Steps steps;
  for (const Step& step : plan_.steps) {
    if (step.stage == stage && !done.contains(step.id)) steps.push_back(&step);
  }
  if (steps.empty()) return true;
  // Before, the steps over the whole table do for every partition.
  if (stage >= Stage::kBackfill) look_at_partitions();
  board_.stage(stage);
  if (!control_->pass(stop_)) return false;
  if (stage == Stage::kEnforce && !(backfill_.settle_quarantine() &&
                                    pass_fill_gate(ledger_, job_id_, options_.run, stop_, log_))) {
    return false;
  }
  sync_point(SyncPoint::kStageBegun);
  if (is_long(stage)) throttle_.start();
  const std::int64_t wal = ledger_.wal_position();
  const bool complete = run_steps(stage, steps);
  if (complete) sync_point(SyncPoint::kStageDone);
  ledger_.add_stage_wal(job_id_, planner::to_string(stage), ledger_.wal_position() - wal);
  return complete;
}

void JobRunner::look_at_partitions() {
  if (auto plan = follow_partitions(spec_, plan_, job_id_, connection_, log_)) {
    throw PlanChanged{std::move(*plan)};
  }
}

bool JobRunner::run_steps(Stage stage, const Steps& steps) {
  failed_ = false;
  open_.clear();
  for (const Step* step : steps) open_.insert(step->id);
  if (stage == Stage::kBackfill) {
    ddl_.clear();  // no use for hours
    return backfill_.run() && catch_up(steps);
  }
  return is_long(stage) ? run_side_by_side(steps) : run_in_order(ddl(0), steps);
}

bool JobRunner::catch_up(const Steps& steps) {
  Steps left;
  for (const Step* step : steps) {
    if (step->kind != StepKind::kBackfill) left.push_back(step);
  }
  if (left.empty()) return true;
  if (!run_side_by_side(left)) return false;
  std::set<std::string> mending;
  for (const StepRecord& record : ledger_.steps(job_id_)) {
    if (record.rows > 0) mending.insert(record.step_id);
  }
  std::set<std::string> mended;
  for (const Step& step : plan_.steps) {
    if (step.kind != StepKind::kCatchUp || !mending.contains(step.id)) continue;
    mended.insert(step.sweep.begin(), step.sweep.end());
  }
  return mended.empty() || backfill_.sweep({mended.begin(), mended.end()});
}

DdlRunner& JobRunner::ddl(std::size_t i) {
  while (ddl_.size() <= i) {
    ddl_.push_back(
        std::make_unique<DdlRunner>(spec_, options_, plan_.schema, job_id_, stop_, log_));
  }
  return *ddl_[i];
}

bool JobRunner::run_in_order(DdlRunner& ddl, const Steps& steps) {
  for (auto next = steps.begin(); next != steps.end();) {
    if (!run_next(ddl, next, steps.end())) return false;
  }
  return true;
}

bool JobRunner::run_next(DdlRunner& ddl, Steps::const_iterator& next, Steps::const_iterator end) {
  if (!may_go_on(**next)) return false;
  const Steps together = joint(next, end);
  next += static_cast<std::ptrdiff_t>(together.size());
  if (together.size() > 1 && run_joined(ddl, together)) return true;
  for (const Step* step : together) {
    if (!may_go_on(*step) || run_step(ddl, *step) != StepOutcome::kDone) return false;
    completed(*step);
  }
  return true;
}

/// A step of a long stage reads or writes a whole table; between them one can pause.
bool JobRunner::may_go_on(const Step& step) {
  return control_->pass(stop_) && (!is_long(step.stage) || throttle_.pass());
}

void JobRunner::completed(const Step& step) {
  const MutexLock lock(open_mutex_);
  open_.erase(step.id);
  step_ended_.notify_all();
}

JobRunner::Steps JobRunner::joint(Steps::const_iterator first, Steps::const_iterator end) {
  Steps steps{*first};
  const auto joins_in = [&](const Step& step) {
    return step.kind == StepKind::kSql && step.leftover_probe.empty() && joins(step.stage) &&
           !step.table.empty() && step.table == (*first)->table;
  };
  if (!joins_in(**first)) return steps;
  const MutexLock lock(open_mutex_);
  for (auto next = first + 1; next != end && joins_in(**next); ++next) {
    if (!ready(**next)) break;
    steps.push_back(*next);
  }
  return steps;
}

bool JobRunner::run_joined(DdlRunner& ddl, const Steps& steps) {
  for (const Step* step : steps) board_.step_started(title_of(*step));
  const bool done = ddl.run_joined(steps);
  for (const Step* step : steps) {
    board_.step_ended(title_of(*step), done);
    if (done) completed(*step);
  }
  return done;
}

bool JobRunner::ready(const Step& step) const {
  return std::none_of(step.after.begin(), step.after.end(),
                      [&](const std::string& id) { return open_.contains(id); });
}

JobRunner::TableSteps* JobRunner::take(std::vector<TableSteps>& tables) {
  boost::unique_lock<Mutex> lock(open_mutex_);
  while (!failed_ && !stop_.draining()) {
    bool under_way = false;
    bool left = false;
    for (TableSteps& table : tables) {
      under_way |= table.taken;
      if (table.taken || table.next == table.steps.end()) continue;
      left = true;
      if (!ready(**table.next)) continue;
      table.taken = true;
      return &table;
    }
    if (!left && !under_way) return nullptr;
    if (!under_way) throw std::logic_error("the plan's steps wait for one another");
    step_ended_.wait_for(lock, boost::chrono::milliseconds(100));
  }
  return nullptr;
}

bool JobRunner::goes_on(TableSteps& table) {
  const MutexLock lock(open_mutex_);
  if (table.next != table.steps.end() && ready(**table.next)) return true;
  table.taken = false;
  step_ended_.notify_all();
  return false;
}

bool JobRunner::run_side_by_side(const Steps& steps) {
  std::vector<TableSteps> tables;
  std::map<std::string, std::size_t> position;
  for (const Step* step : steps) {
    const auto [found, added] = position.emplace(step->table, tables.size());
    if (added) tables.emplace_back();
    tables[found->second].steps.push_back(step);
  }
  for (TableSteps& table : tables) table.next = table.steps.begin();
  Mutex mutex;
  std::exception_ptr failure;
  const auto work = [&](DdlRunner& ddl) {
    try {
      while (TableSteps* table = take(tables)) {
        do {
          if (!run_next(ddl, table->next, table->steps.end())) failed_ = true;
        } while (!failed_ && goes_on(*table));
      }
    } catch (...) {
      const MutexLock lock(mutex);
      if (!failure) failure = std::current_exception();
      failed_ = true;
    }
  };
  boost::thread_group threads;
  const auto count = std::min<std::size_t>(
      tables.size(), static_cast<std::size_t>(control_->settings().ddl_workers));
  for (std::size_t i = 0; i < count; ++i) {
    threads.create_thread([&work, &runner = ddl(i)] { work(runner); });
  }
  threads.join_all();
  if (failure) std::rethrow_exception(failure);
  return std::all_of(tables.begin(), tables.end(),
                     [](const TableSteps& table) { return table.next == table.steps.end(); }) &&
         !failed_;
}

StepOutcome JobRunner::run_step(DdlRunner& ddl, const Step& step) {
  const std::string title = title_of(step);
  board_.step_started(title);
  StepOutcome outcome = StepOutcome::kStopped;
  try {
    outcome = ddl.run(step, true);
    if (outcome == StepOutcome::kViolated) {
      log_(LogLevel::kInfo,
           fmt::format("{}: rows without a value came in meanwhile; sweeping", title));
      outcome = sweep(step) ? ddl.run(step, false) : StepOutcome::kStopped;
    }
  } catch (...) {
    board_.step_ended(title, false);
    throw;
  }
  board_.step_ended(title, outcome == StepOutcome::kDone);
  return outcome;
}

bool JobRunner::sweep(const Step& step) {
  const MutexLock lock(sweep_mutex_);
  return backfill_.sweep(step.sweep);
}

}  // namespace pgbackfill::engine
