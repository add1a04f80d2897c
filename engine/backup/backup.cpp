#include "engine/backup/backup.hpp"

#include "engine/backup/child_process.hpp"
#include "planner/spec_resolution.hpp"
#include "sql/passwordless_dsn.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <ctime>
#include <map>
#include <string>
#include <system_error>

namespace pgbackfill::engine {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// What a command that was asked to end may take for it.
constexpr std::chrono::seconds kGrace{10};

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

/// Both placeholders at once: a value that looks like one stays as it is.
std::string filled_in(std::string_view command, const std::string& directory,
                      const std::string& dsn) {
  std::string text;
  for (std::size_t at = 0; at < command.size();) {
    const std::string_view rest = command.substr(at);
    const bool shells = at > 0 && command[at - 1] == '$';
    const bool is_directory = !shells && rest.starts_with("{dir}");
    if (is_directory || (!shells && rest.starts_with("{dsn}"))) {
      text += shell_quoted(is_directory ? directory : dsn);
      at += 5;
    } else {
      text += command[at++];
    }
  }
  return text;
}

/// DATABASE-FILE-TIME.
std::string name_of(const planner::JobSpec& spec, const std::string& database) {
  std::string name =
      fmt::format("{}-{}-{:%Y%m%dT%H%M%SZ}", database, fs::path(spec.file).stem().string(),
                  fmt::gmtime(std::time(nullptr)));
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_'; }, '_');
  return name;
}

[[noreturn]] void refuse(const std::string& what) {
  throw Refused("there is no backup, so the job does not begin; nothing was changed: " + what);
}

fs::path create_directory(const planner::JobSpec& spec, const std::string& database) {
  const fs::path parent =
      fs::absolute(planner::beside_file(spec.file, spec.backup->directory)).lexically_normal();
  const std::string name = name_of(spec, database);
  std::error_code error;
  fs::create_directories(parent, error);
  for (int number = 1; !error; ++number) {
    const fs::path path = parent / (number == 1 ? name : fmt::format("{}-{}", name, number));
    if (!fs::create_directory(path, error)) continue;
    fs::permissions(path, fs::perms::owner_all, error);
    return path;
  }
  refuse(fmt::format("cannot create a directory in {} ([backup] directory): {}", parent.string(),
                     error.message()));
}

std::uintmax_t bytes_in(const fs::path& directory) {
  std::uintmax_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (!entry->is_regular_file(gone)) continue;
    const std::uintmax_t size = entry->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

/// False when a stop ended it.
bool run_to_end(ChildProcess& command, const StopSignal& stop) {
  std::optional<Clock::time_point> asked;
  while (command.wait()) {
    if (!stop.draining()) continue;
    if (!asked) {
      command.signal(SIGTERM);
      asked = Clock::now();
    } else if (stop.cancelling() || Clock::now() - *asked > kGrace) {
      command.signal(SIGKILL);
    }
  }
  if (!asked) return true;
  // What it started may have outlived it.
  command.signal(SIGKILL);
  return false;
}

std::string failure_text(const ChildProcess& command, const std::string& password) {
  std::string text = fmt::format("the command ended with {}", command.failure());
  for (const std::string& line : command.last_lines()) text += "\n  " + line;
  if (!password.empty()) replace_all(text, password, "***");
  return text;
}

}  // namespace

std::optional<fs::path> make_backup(const planner::JobSpec& spec, const sql::Connection& connection,
                                    const StopSignal& stop, const LogSink& log) {
  const sql::PasswordlessDsn target = sql::passwordless_dsn(connection);
  const fs::path path = create_directory(spec, target.database);
  const auto give_up = [&path] {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  };
  std::map<std::string, std::string> environment;
  // In the environment, where other users do not see it as they see arguments.
  if (!target.password.empty()) environment["PGPASSWORD"] = target.password;
  log(LogLevel::kInfo, fmt::format("making a backup in {}", path.string()));
  const auto started = Clock::now();
  std::string failure;
  try {
    ChildProcess command(filled_in(spec.backup->command, path.string(), target.dsn), environment);
    if (!run_to_end(command, stop)) {
      give_up();
      return std::nullopt;
    }
    if (!command.failure().empty()) failure = failure_text(command, target.password);
  } catch (const std::system_error& error) {
    failure = error.what();
  }
  const std::uintmax_t bytes = bytes_in(path);
  if (failure.empty() && bytes == 0) {
    failure = fmt::format("the command ended well but left nothing in {}", path.string());
  }
  if (!failure.empty()) {
    give_up();
    refuse(failure);
  }
  log(LogLevel::kInfo, fmt::format("the backup is done: {} bytes in {:.1f} s", bytes,
                                   std::chrono::duration<double>(Clock::now() - started).count()));
  return path;
}

}  // namespace pgbackfill::engine
