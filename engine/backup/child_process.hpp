#pragma once

#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace pgbackfill::engine {

/// A shell command in a process group of its own, without input; of its output, error output
/// included, the last lines are kept. One owner thread.
class ChildProcess {
 public:
  /// Starts it by /bin/sh -c, with `environment` added to ours. Throws std::system_error.
  ChildProcess(const std::string& command, const std::map<std::string, std::string>& environment);
  /// Kills the group while the command runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Takes in output for up to a tenth of a second. False once the command has ended.
  bool wait();
  /// Sends a signal to the command and what it started.
  void signal(int number) const noexcept;
  /// "exit code 2" or "signal 15"; empty where it ended well. REQUIRES: wait() returned false.
  std::string failure() const;
  const std::vector<std::string>& last_lines() const noexcept { return lines_; }

 private:
  void read_output();
  void take(std::string_view output);

  pid_t pid_ = -1;
  int output_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::string line_;  ///< begun, not yet ended
  std::vector<std::string> lines_;
};

}  // namespace pgbackfill::engine
