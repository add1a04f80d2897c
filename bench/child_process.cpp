#include "bench/child_process.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace pgbackfill::bench {
namespace {

// Read and written by the signal handler.
std::atomic<pid_t> running_child{0};
std::atomic<bool> was_interrupted{false};
std::atomic<bool> dies_on_interrupt{true};
static_assert(std::atomic<pid_t>::is_always_lock_free);

void take_interrupt(int number) {
  was_interrupted = true;
  const pid_t child = running_child;
  if (dies_on_interrupt) {
    if (child > 0) kill(child, SIGKILL);
    std::signal(number, SIG_DFL);
    std::raise(number);
  } else if (child > 0) {
    kill(child, SIGTERM);
  }
}

/// Closes itself, as the functions here may throw.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : file_(memfd_create(name, MFD_CLOEXEC)) {
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int number() const noexcept { return file_; }

  std::string last_bytes(std::size_t most) const {
    const off_t size = lseek(file_, 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(most));
    std::string text(static_cast<std::size_t>(size - from), '\0');
    const ssize_t got = pread(file_, text.data(), text.size(), from);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

 private:
  int file_;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_texts(const std::map<std::string, std::string>& added) {
  std::vector<std::string> texts;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) texts.push_back(text);
  }
  for (const auto& [name, value] : added) texts.push_back(name + "=" + value);
  return texts;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ChildSpent run_child(const std::filesystem::path& program,
                     const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment) {
  std::vector<std::string> argument_texts = {program.string()};
  argument_texts.insert(argument_texts.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_texts(environment);
  const std::vector<char*> argv = pointers(argument_texts);
  const std::vector<char*> envp = pointers(variables);
  const MemoryFile output("stdout");
  const MemoryFile errors("stderr");

  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output.number(), STDOUT_FILENO);
    dup2(errors.number(), STDERR_FILENO);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  running_child = child;
  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  running_child = 0;
  ChildSpent spent;
  spent.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  spent.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  spent.peak_rss_bytes = usage.ru_maxrss * 1024;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(
        fmt::format("{} {} {}:\n{}", program.string(), fmt::join(arguments, " "),
                    WIFEXITED(status) ? fmt::format("exited with {}", WEXITSTATUS(status))
                                      : fmt::format("died by signal {}", WTERMSIG(status)),
                    errors.last_bytes(4000)));
  }
  return spent;
}

void handle_interrupts(OnInterrupt reaction) {
  dies_on_interrupt = reaction == OnInterrupt::kDie;
  struct sigaction action {};
  action.sa_handler = take_interrupt;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &action, nullptr);
}

bool interrupted() noexcept { return was_interrupted; }

}  // namespace pgbackfill::bench
