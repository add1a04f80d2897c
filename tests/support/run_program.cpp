#include "tests/support/run_program.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <pty.h>
#include <pwd.h>
#include <stdexcept>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <tuple>
#include <unistd.h>

namespace pgbackfill::test {
namespace {

[[noreturn]] void fail(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

/// Everything the child needs, made before the fork: after it only async-signal-safe calls are
/// allowed, as this process may have threads.
struct Launch {
  std::vector<std::string> argument_texts;
  std::vector<std::string> environment_texts;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::string directory;
  bool change_user = false;
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_of(const ProgramOptions& options) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : options.environment) {
    if (value) {
      variables[name] = *value;
    } else {
      variables.erase(name);
    }
  }
  std::vector<std::string> texts;
  for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
  return texts;
}

void set_user(Launch& launch, const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) throw std::runtime_error("there is no user " + name);
  launch.change_user = true;
  launch.user = entry->pw_uid;
  launch.group = entry->pw_gid;
  int count = 64;
  launch.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist(name.c_str(), launch.group, launch.groups.data(), &count) < 0) count = 64;
  launch.groups.resize(static_cast<std::size_t>(count));
}

int capture_file(const char* name) {
  const int file = memfd_create(name, MFD_CLOEXEC);
  if (file < 0) fail("memfd_create");
  return file;
}

std::string contents(int file) {
  std::string text;
  std::array<char, 65536> chunk{};
  for (;;) {
    const ssize_t got = pread(file, chunk.data(), chunk.size(), static_cast<off_t>(text.size()));
    if (got <= 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

/// Both ends of a new terminal: ours, and the program's.
std::pair<int, int> open_terminal(TerminalSize wanted) {
  const winsize size{wanted.rows, wanted.columns, 0, 0};
  int ours = -1;
  int theirs = -1;
  if (openpty(&ours, &theirs, nullptr, nullptr, &size) != 0) fail("openpty");
  for (const int end : {ours, theirs}) fcntl(end, F_SETFD, FD_CLOEXEC);
  return {ours, theirs};
}

/// Until the last program has left the terminal.
void copy_terminal(int from, int to) {
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t got = read(from, chunk.data(), chunk.size());
    if (got <= 0 || write(to, chunk.data(), static_cast<std::size_t>(got)) != got) return;
  }
}

/// `terminal` is -1 where there is none.
[[noreturn]] void become(const Launch& launch, int terminal, int out, int err) {
  const int in = terminal >= 0 ? terminal : open("/dev/null", O_RDONLY | O_CLOEXEC);
  const bool ready =
      (terminal < 0 || (setsid() >= 0 && ioctl(terminal, TIOCSCTTY, 0) == 0)) &&
      dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
      dup2(err, STDERR_FILENO) >= 0 &&
      (launch.directory.empty() || chdir(launch.directory.c_str()) == 0) &&
      (!launch.change_user || (setgroups(launch.groups.size(), launch.groups.data()) == 0 &&
                               setgid(launch.group) == 0 && setuid(launch.user) == 0));
  if (ready) execvpe(launch.arguments[0], launch.arguments.data(), launch.environment.data());
  _exit(127);
}

}  // namespace

RunningProgram::RunningProgram(const std::filesystem::path& program,
                               const std::vector<std::string>& arguments, ProgramOptions options)
    : options_(std::move(options)) {
  Launch launch;
  launch.argument_texts.push_back(program.string());
  launch.argument_texts.insert(launch.argument_texts.end(), arguments.begin(), arguments.end());
  launch.environment_texts = environment_of(options_);
  launch.arguments = pointers(launch.argument_texts);
  launch.environment = pointers(launch.environment_texts);
  launch.directory = options_.directory.string();
  if (!options_.user.empty()) set_user(launch, options_.user);
  out_ = capture_file("stdout");
  err_ = capture_file("stderr");
  int theirs = -1;
  if (options_.terminal) std::tie(terminal_, theirs) = open_terminal(*options_.terminal);
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    become(launch, theirs, theirs >= 0 ? theirs : out_, theirs >= 0 ? theirs : err_);
  }
  if (terminal_ < 0) return;
  close(theirs);
  reader_ = std::thread(copy_terminal, terminal_, out_);
}

RunningProgram::~RunningProgram() {
  if (!poll_end()) {
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (reader_.joinable()) reader_.join();
  if (terminal_ >= 0) close(terminal_);
  close(out_);
  close(err_);
}

bool RunningProgram::poll_end() {
  if (status_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  status_ = status;
  return true;
}

bool RunningProgram::running() { return !poll_end(); }

bool RunningProgram::wait_until_stopped() {
  for (;;) {
    if (!running()) return false;
    std::ifstream stat("/proc/" + std::to_string(pid_) + "/stat");
    std::string text;
    std::getline(stat, text);
    // The state follows the program's name, which is in parentheses.
    const std::size_t name_end = text.rfind(") ");
    if (name_end != std::string::npos && text.size() > name_end + 2 && text[name_end + 2] == 'T') {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void RunningProgram::signal(int number) {
  if (running()) ::kill(pid_, number);
}

void RunningProgram::type(std::string_view text) {
  if (write(terminal_, text.data(), text.size()) < 0) fail("write");
}

void RunningProgram::resize(TerminalSize size) {
  const winsize changed{size.rows, size.columns, 0, 0};
  if (ioctl(terminal_, TIOCSWINSZ, &changed) != 0) fail("ioctl");
}

std::string RunningProgram::out() const { return contents(out_); }

std::string RunningProgram::err() const { return contents(err_); }

ProgramOutcome RunningProgram::wait() {
  const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
  ProgramOutcome outcome;
  while (!poll_end()) {
    if (!outcome.timed_out && std::chrono::steady_clock::now() >= deadline) {
      outcome.timed_out = true;
      ::kill(pid_, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (reader_.joinable()) reader_.join();
  if (WIFEXITED(*status_)) outcome.exit_code = WEXITSTATUS(*status_);
  if (WIFSIGNALED(*status_)) outcome.signal = WTERMSIG(*status_);
  outcome.out = out();
  outcome.err = err();
  return outcome;
}

ProgramOutcome run_program(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments, ProgramOptions options) {
  return RunningProgram(program, arguments, std::move(options)).wait();
}

}  // namespace pgbackfill::test
