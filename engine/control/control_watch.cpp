#include "engine/control/control_watch.hpp"

#include "planner/run_settings.hpp"

#include <fmt/format.h>

namespace pgbackfill::engine {

ControlWatch::ControlWatch(const EngineOptions& options, int job_id, ProgressBoard& board,
                           StopSignal& stop, LogSink log)
    : control_(options.control),
      process_(options.process),
      job_id_(job_id),
      board_(board),
      stop_(stop),
      log_(std::move(log)) {}

void ControlWatch::look(sql::Connection& connection) {
  ControlLedger ledger(connection, job_id_);
  if (heard_ < 0) {
    const auto held = ledger.pause();
    heard_ = ledger.heard(process_);
    if (held && held->id <= heard_) pause(*held);
  }
  const std::vector<ControlRequest> requests = ledger.since(heard_);
  for (const ControlRequest& request : requests) {
    obey(request);
    heard_ = request.id;
  }
  if (!requests.empty()) ledger.hear(process_, heard_);
}

void ControlWatch::obey(const ControlRequest& request) {
  switch (request.action) {
    case ControlAction::kPause:
      return pause(request);
    case ControlAction::kResume:
      return resume(request);
    case ControlAction::kStop:
      return stop(request);
    case ControlAction::kSet:
      return change(request);
  }
}

void ControlWatch::pause(const ControlRequest& request) {
  const std::string text = request.done_by();
  board_.paused(text);
  control_->pause();
  log_(LogLevel::kWarning, text + "; it goes on with pgbackfill resume");
}

void ControlWatch::resume(const ControlRequest& request) {
  if (!control_->paused()) return;
  control_->resume();
  board_.paused({});
  log_(LogLevel::kInfo, request.done_by());
}

/// As a signal: the first drains, the next cancels.
void ControlWatch::stop(const ControlRequest& request) {
  const bool again = stop_.draining();
  stop_.request();
  log_(LogLevel::kWarning,
       fmt::format("{}; {}", request.done_by(),
                   again ? "cancelling" : "stopping after the batches in flight"));
  if (stop_.cancelling()) stop_.cancel_watched();
}

void ControlWatch::change(const ControlRequest& request) {
  planner::RunOptions run = control_->settings();
  const planner::RunSetting* setting = planner::find_live_setting(request.key);
  const auto defect =
      setting == nullptr ? "cannot be changed on a live run" : setting->take(request.value, run);
  if (defect) {
    log_(LogLevel::kWarning, fmt::format("{}: left alone, for it {}", request.done_by(), *defect));
    return;
  }
  control_->change(run);
  log_(LogLevel::kInfo, request.done_by());
}

}  // namespace pgbackfill::engine
