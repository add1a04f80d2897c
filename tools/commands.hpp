#pragma once

#include "planner/init/proposal.hpp"
#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "planner/run_settings.hpp"
#include "tools/console.hpp"

#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::tools {

/// [run] keys given as flags; each overrides the file's.
struct RunFlags {
  std::vector<std::pair<const planner::RunSetting*, std::string>> given;

  void apply(planner::RunOptions& options) const;
};

/// A parsed command line.
struct CommandLine {
  std::string config;              ///< migration file; empty: not given
  std::optional<std::string> dsn;  ///< --dsn
  std::string format = "text";
  std::string log_format = "text";
  bool verbose = false;             ///< plan: every step
  bool sample = false;              ///< plan: what a row costs is tried out
  std::vector<std::string> tables;  ///< plan: these alone, with their steps
  bool watch = false;
  bool isolation = false;
  std::optional<planner::Stage> until;
  bool join = false;                 ///< share a job that another process coordinates
  bool promote = false;              ///< take its coordinator's place when that is gone
  std::optional<planner::Stage> to;  ///< rollback: the last stage that stays done
  bool yes = false;                  ///< rollback: what will be lost is agreed to
  std::string metrics;               ///< ADDR:PORT for Prometheus; empty: none
  RunFlags run;
  std::vector<std::pair<std::string, std::string>> settings;  ///< of `set`: key, value
  std::string output;                                         ///< -o; empty: standard output
  planner::InitRequest init;
  std::string revision;       ///< export alembic
  std::string down_revision;  ///< the one before it
};

/// The command line asks for what there is not: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
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
int export_alembic_command(const CommandLine& line, CommandContext& context);
int plan_command(const CommandLine& line, CommandContext& context);
int report_command(const CommandLine& line, CommandContext& context);
int rollback_command(const CommandLine& line, CommandContext& context);
int run_command(const CommandLine& line, CommandContext& context);
int status_command(const CommandLine& line, CommandContext& context);
int pause_command(const CommandLine& line, CommandContext& context);
int resume_command(const CommandLine& line, CommandContext& context);
int stop_command(const CommandLine& line, CommandContext& context);
int set_command(const CommandLine& line, CommandContext& context);
int init_command(const CommandLine& line, CommandContext& context);
int verify_command(const CommandLine& line, CommandContext& context);

/// --dsn, else [database] dsn; empty: PG* environment variables.
std::string choose_dsn(const CommandLine& line, const planner::JobSpec& spec);

/// A finding as one line, plus its advice, on the console.
void print_finding(Console& console, const planner::Finding& finding);

}  // namespace pgbackfill::tools
