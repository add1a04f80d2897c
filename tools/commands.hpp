#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "tools/console.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace pgbackfill::tools {

/// [run] keys given as flags; each overrides the file's.
struct RunFlags {
  std::optional<int> workers;
  std::optional<planner::MethodChoice> method;
  std::optional<planner::OrderChoice> order;
  std::optional<bool> online;
  std::optional<std::chrono::milliseconds> batch_time;
  std::optional<std::int64_t> batch_rows;
  std::optional<int> passes;
  std::optional<std::chrono::milliseconds> lock_timeout;
  std::optional<planner::HeldHorizon> on_held_horizon;

  void apply(planner::RunOptions& options) const;
};

/// A parsed command line.
struct CommandLine {
  std::string config;              ///< migration file; empty: not given
  std::optional<std::string> dsn;  ///< --dsn
  std::string format = "text";
  bool watch = false;
  std::optional<planner::Stage> until;
  RunFlags run;
};

/// What a subcommand works with besides its command line.
struct CommandContext {
  std::ostream& out;
  Console& console;
  /// Where the command connects to; set once it is known, for error messages.
  std::string dsn;
};

// The subcommands. Each returns an exit code or throws planner::SpecErrors, engine::Refused,
// sql::Error or another std::exception, which run_cli() turns into messages and exit codes.
int plan_command(const CommandLine& line, CommandContext& context);
int run_command(const CommandLine& line, CommandContext& context);
int status_command(const CommandLine& line, CommandContext& context);
int verify_command(const CommandLine& line, CommandContext& context);

/// --dsn, else [database] dsn; empty: PG* environment variables.
std::string choose_dsn(const CommandLine& line, const planner::JobSpec& spec);

/// A finding as one line, plus its advice, on the console.
void print_finding(Console& console, const planner::Finding& finding);

}  // namespace pgbackfill::tools
