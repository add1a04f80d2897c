#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace pgbackfill::tools {

/// Exit codes of the command; part of its contract.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,      ///< command line or migration file
  kExitRefused = 3,    ///< refused before anything was changed
  kExitStopped = 4,    ///< stopped before the end; `run` goes on
  kExitDifferent = 5,  ///< verify found differences
};

/// The whole command: `args` without the program's name. Results go to `out`, progress, logs and
/// errors to `err`. Never throws.
int run_cli(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);

}  // namespace pgbackfill::tools
