#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace pgbackfill::test {

struct TerminalSize {
  unsigned short columns = 80;
  unsigned short rows = 24;
};

struct ProgramOptions {
  /// Added to the environment of this process; nullopt removes a variable.
  std::map<std::string, std::optional<std::string>> environment;
  std::filesystem::path directory;  ///< where it runs; empty: here
  std::string user;                 ///< runs as this user (needs root); empty: as ourselves
  /// A terminal of its own for its input and all of its output, which is then in `out`.
  std::optional<TerminalSize> terminal;
  /// Killed with SIGKILL when it takes longer.
  std::chrono::milliseconds timeout{60'000};
};

struct ProgramOutcome {
  int exit_code = -1;  ///< -1 when a signal ended it
  int signal = 0;      ///< 0 when it exited by itself
  bool timed_out = false;
  std::string out;
  std::string err;
};

/// A program in the background. Killed with SIGKILL by the destructor if it still runs.
class RunningProgram {
 public:
  /// `arguments` without the program's name. Throws std::system_error when it cannot start; a
  /// program that does not exist gives exit code 127.
  RunningProgram(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                 ProgramOptions options = {});
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// False once it has ended.
  bool running();
  void signal(int number);
  /// On its terminal: what somebody types, and another size of the window.
  void type(std::string_view text);
  void resize(TerminalSize size);
  /// Waits until a SIGSTOP has taken hold of it; false when it ended instead.
  bool wait_until_stopped();
  /// What it has written so far.
  std::string out() const;
  std::string err() const;
  /// Waits for its end, at most the timeout of the options counted from this call.
  ProgramOutcome wait();

 private:
  bool poll_end();

  ProgramOptions options_;
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  int terminal_ = -1;
  std::thread reader_;  ///< from the terminal to out_
  std::optional<int> status_;
};

/// Runs a program to its end.
ProgramOutcome run_program(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments, ProgramOptions options = {});

}  // namespace pgbackfill::test
