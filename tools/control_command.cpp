#include "engine/engine.hpp"
#include "engine/ledger/control_ledger.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "engine/opening.hpp"
#include "engine/stop.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace pgbackfill::tools {
namespace {

using engine::ControlAction;
using Processes = std::vector<engine::ProcessRecord>;

/// How long to wait until the run has obeyed. It looks four times a second.
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::milliseconds kLookEvery{50};

Processes living(sql::Connection& connection, int job_id) {
  Processes processes = engine::ProcessLedger(connection, job_id).processes();
  std::erase_if(processes, [](const auto& process) { return process.state != "active"; });
  return processes;
}

/// Those that have not obeyed in time.
Processes await(sql::Connection& connection, int job_id, std::int64_t request) {
  const engine::StopSignal never;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    Processes deaf = living(connection, job_id);
    std::erase_if(deaf, [&](const auto& process) { return process.heard >= request; });
    if (deaf.empty() || std::chrono::steady_clock::now() > give_up) return deaf;
    never.sleep(kLookEvery);
  }
}

std::string names(const Processes& processes) {
  std::vector<std::string> list;
  for (const engine::ProcessRecord& process : processes) {
    list.push_back(fmt::format("{} on {} (pid {})", process.role, process.host, process.pid));
  }
  return fmt::format("{}", fmt::join(list, ", "));
}

engine::JobRecord open_job(sql::Connection& connection) {
  engine::Ledger ledger(connection);
  const auto job = ledger.exists() ? ledger.latest_job() : std::nullopt;
  if (!job) {
    throw engine::Refused("no run has been started in this database; pgbackfill run -c FILE does");
  }
  engine::refuse_other_format(*job);
  if (job->state == "finished") {
    throw engine::Refused(fmt::format("job {} is finished: there is no run of it", job->job_id));
  }
  return *job;
}

std::string result_text(ControlAction action, const engine::ControlLedger::Settings& settings) {
  switch (action) {
    case ControlAction::kPause:
      return "paused; batches and steps in flight end first, pgbackfill resume lets it go on";
    case ControlAction::kResume:
      return "goes on";
    case ControlAction::kStop:
      return "stops after the batches in flight; pgbackfill run goes on from there";
    case ControlAction::kSet:
      break;
  }
  std::vector<std::string> texts;
  for (const auto& [key, value] : settings) texts.push_back(fmt::format("{} = {}", key, value));
  return fmt::format("{} until the run ends", fmt::join(texts, ", "));
}

int control(const CommandLine& line, CommandContext& context, ControlAction action) {
  planner::JobSpec spec;
  if (!line.config.empty()) spec = planner::read_migration_file(line.config);
  context.dsn = choose_dsn(line, spec);
  sql::Connection connection = engine::connect(context.dsn, spec.schema, context.console.sink());
  const int job_id = open_job(connection).job_id;
  engine::ControlLedger ledger(connection, job_id);
  if (living(connection, job_id).empty()) {
    if (action != ControlAction::kResume || !ledger.pause()) {
      throw engine::Refused(fmt::format(
          "no run of job {} is under way; pgbackfill run -c FILE goes on with it", job_id));
    }
    ledger.ask(action);
    context.out << fmt::format(
        "job {} is no longer paused; no run of it is under way, pgbackfill run -c FILE goes on\n",
        job_id);
    return kExitDone;
  }
  const Processes deaf = await(connection, job_id, ledger.ask(action, line.settings));
  const std::string text = result_text(action, line.settings);
  context.out << (deaf.empty()
                      ? fmt::format("job {} {}\n", job_id, text)
                      : fmt::format("job {} has not obeyed yet: {}. The request stands: {}\n",
                                    job_id, names(deaf), text));
  return kExitDone;
}

}  // namespace

int pause_command(const CommandLine& line, CommandContext& context) {
  return control(line, context, ControlAction::kPause);
}

int resume_command(const CommandLine& line, CommandContext& context) {
  return control(line, context, ControlAction::kResume);
}

int stop_command(const CommandLine& line, CommandContext& context) {
  return control(line, context, ControlAction::kStop);
}

int set_command(const CommandLine& line, CommandContext& context) {
  return control(line, context, ControlAction::kSet);
}

}  // namespace pgbackfill::tools
