#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pgbackfill::bench {

struct ChildSpent {
  double seconds = 0;      ///< from start to end of the process
  double cpu_seconds = 0;  ///< user and system
  std::int64_t peak_rss_bytes = 0;
};

/// Runs a program to its end; `environment` is added to ours. Throws std::runtime_error with the
/// end of its error output when it does not exit with 0. It dies with this process.
ChildSpent run_child(const std::filesystem::path& program,
                     const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment = {});

enum class OnInterrupt {
  kDie,     ///< the running child is killed and this process ends by the signal
  kReturn,  ///< the running child is asked to end; interrupted() becomes true
};

/// What SIGINT, SIGTERM and SIGHUP do from now on.
void handle_interrupts(OnInterrupt reaction);
bool interrupted() noexcept;

}  // namespace pgbackfill::bench
