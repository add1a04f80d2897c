#include "engine/backup/child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace pgbackfill::engine {
namespace {

constexpr std::size_t kLinesKept = 10;
constexpr std::size_t kLongestLine = 500;

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

std::vector<std::string> merged(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!added.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// Our own process blocks the signals that it waits for and ignores broken pipes; a command must
/// begin with neither.
class Attributes {
 public:
  Attributes() {
    check(posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    sigset_t none;
    sigemptyset(&none);
    sigset_t pipes;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &pipes);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

class FileActions {
 public:
  explicit FileActions(int output) {
    check(posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

ChildProcess::ChildProcess(const std::string& command,
                           const std::map<std::string, std::string>& environment) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) check(errno, "pipe");
  output_ = ends[0];
  // Only our end may be read without waiting; the command's must take all that is written.
  fcntl(ends[1], F_SETFL, 0);
  std::vector<std::string> arguments{"sh", "-c", command};
  std::vector<std::string> variables = merged(environment);
  int error = 0;
  {
    const Attributes attributes;
    const FileActions actions(ends[1]);
    error = posix_spawn(&pid_, "/bin/sh", actions.get(), attributes.get(),
                        pointers(arguments).data(), pointers(variables).data());
  }
  close(ends[1]);
  if (error != 0) close(output_);
  check(error, "/bin/sh");
}

ChildProcess::~ChildProcess() {
  if (!ended_) {
    signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(output_);
}

bool ChildProcess::wait() {
  if (ended_) return false;
  // Once nobody has the pipe open any more there is nothing to poll for.
  pollfd readable{output_, POLLIN, 0};
  if (poll(&readable, 1, 100) > 0 && (readable.revents & POLLIN) == 0) poll(nullptr, 0, 10);
  read_output();
  const pid_t done = waitpid(pid_, &status_, WNOHANG);
  if (done == 0 || (done < 0 && errno == EINTR)) return true;
  ended_ = true;
  read_output();
  if (!line_.empty()) take("\n");
  return false;
}

void ChildProcess::signal(int number) const noexcept { kill(-pid_, number); }

std::string ChildProcess::failure() const {
  if (WIFSIGNALED(status_)) return "signal " + std::to_string(WTERMSIG(status_));
  const int code = WEXITSTATUS(status_);
  return code == 0 ? std::string() : "exit code " + std::to_string(code);
}

void ChildProcess::read_output() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = read(output_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    take({buffer.data(), static_cast<std::size_t>(count)});
  }
}

void ChildProcess::take(std::string_view output) {
  for (const char c : output) {
    if (c != '\n') {
      if (line_.size() < kLongestLine) line_ += c;
      continue;
    }
    if (lines_.size() == kLinesKept) lines_.erase(lines_.begin());
    lines_.push_back(std::move(line_));
    line_.clear();
  }
}

}  // namespace pgbackfill::engine
