#include "tests/support/temp_cluster.hpp"

#include "sql/connection.hpp"

#include <libpq-fe.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <pwd.h>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace pgbackfill::test {
namespace fs = std::filesystem;
namespace {

constexpr auto kStartTimeout = std::chrono::seconds(60);

bool has_server(const fs::path& directory) {
  return !directory.empty() && fs::exists(directory / "initdb") &&
         fs::exists(directory / "postgres");
}

fs::path newest_debian_binaries() {
  const fs::path root = "/usr/lib/postgresql";
  fs::path newest;
  int newest_version = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root, ignored)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version > newest_version && has_server(entry.path() / "bin")) {
      newest = entry.path() / "bin";
      newest_version = version;
    }
  }
  return newest;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Waits in a process of its own until the pipe closes, because the test process ended; then
/// does what the destructor would have done. Nothing is left to do after an orderly end.
[[noreturn]] void guard(int pipe, const fs::path& directory) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
  const int nowhere = open("/dev/null", O_RDWR);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, stream);
  // Among them the pipes of other guardians, whose closing must be seen.
  for (int file = STDERR_FILENO + 1; file < 1024; ++file) {
    if (file != pipe) close(file);
  }
  char byte = 0;
  while (read(pipe, &byte, 1) < 0 && errno == EINTR) {
  }
  std::error_code ignored;
  const int server = std::atoi(read_file(directory / "data" / "postmaster.pid").c_str());
  if (server > 0) {
    kill(server, SIGQUIT);
    for (int i = 0; i < 1000 && kill(server, 0) == 0; ++i) usleep(10'000);
  }
  fs::remove_all(directory, ignored);
  _exit(0);
}

}  // namespace

fs::path find_server_binaries() {
  if (const char* chosen = std::getenv("PGBACKFILL_PG_BINDIR")) {
    if (!has_server(chosen)) {
      throw std::runtime_error("PGBACKFILL_PG_BINDIR: no initdb and postgres in " +
                               std::string(chosen));
    }
    return chosen;
  }
  std::string reported = run_program("pg_config", {"--bindir"}).out;
  while (!reported.empty() && reported.back() == '\n') reported.pop_back();
  if (has_server(reported)) return reported;
  fs::path newest = newest_debian_binaries();
  if (newest.empty()) {
    throw std::runtime_error(
        "no PostgreSQL server found: install the server's package (on Debian: postgresql), or "
        "name the directory of initdb and postgres in PGBACKFILL_PG_BINDIR");
  }
  return newest;
}

TempCluster::TempCluster(Empty) : binaries_(find_server_binaries()) {
  if (geteuid() == 0) {
    user_ = "postgres";
    if (getpwnam("postgres") == nullptr) {
      throw std::runtime_error(
          "the server refuses to run as root and there is no user postgres: install the server's "
          "package (on Debian: postgresql)");
    }
  }
  create_directory();
  start_guardian();
}

TempCluster::TempCluster(const Settings& settings) : TempCluster(Empty{}) {
  run_initdb(settings);
  start();
}

std::unique_ptr<TempCluster> TempCluster::standby_of(TempCluster& primary) {
  std::unique_ptr<TempCluster> standby(new TempCluster(Empty{}));
  primary.stop();
  standby->copy_data(primary);
  primary.start();
  standby->start();
  return standby;
}

TempCluster::~TempCluster() {
  // Nothing in it is worth a checkpoint.
  stop_immediate();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
  close(guardian_pipe_);
  waitpid(guardian_, nullptr, 0);
}

TempCluster& TempCluster::shared() {
  static TempCluster cluster;
  return cluster;
}

void TempCluster::create_directory() {
  std::string pattern = (fs::temp_directory_path() / "pgbackfill-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
  }
  directory_ = pattern;
  if (user_.empty()) return;
  const passwd* entry = getpwnam(user_.c_str());
  if (entry == nullptr || chown(pattern.c_str(), entry->pw_uid, entry->pw_gid) != 0) {
    throw std::system_error(errno, std::generic_category(), "chown " + pattern);
  }
}

void TempCluster::start_guardian() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  guardian_ = fork();
  if (guardian_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (guardian_ == 0) guard(ends[0], directory_);
  close(ends[0]);
  guardian_pipe_ = ends[1];
}

void TempCluster::run_initdb(const Settings& settings) {
  ProgramOptions options;
  options.directory = "/";
  options.user = user_;
  const fs::path data = directory_ / "data";
  const ProgramOutcome outcome = run_program(binaries_ / "initdb",
                                             {"-D", data.string(), "-U", "postgres", "--auth=trust",
                                              "--no-sync", "--encoding=UTF8", "--locale=C"},
                                             options);
  if (outcome.exit_code != 0) throw std::runtime_error("initdb failed: " + outcome.err);
  std::string lines = "listen_addresses = ''\nunix_socket_directories = '" + directory_.string() +
                      "'\nfsync = off\nfull_page_writes = off\nshared_buffers = 64MB\n"
                      "log_min_messages = warning\n";
  for (const auto& [name, value] : settings) lines.append(name + " = '" + value + "'\n");
  configure(lines);
}

void TempCluster::copy_data(const TempCluster& primary) {
  const fs::path data = directory_ / "data";
  ProgramOptions options;
  options.user = user_;
  const ProgramOutcome copied =
      run_program("cp", {"-a", (primary.directory_ / "data").string(), data.string()}, options);
  if (copied.exit_code != 0) throw std::runtime_error("cannot copy the server: " + copied.err);
  std::ofstream(data / "standby.signal").flush();
  configure("unix_socket_directories = '" + directory_.string() + "'\nprimary_conninfo = 'host=" +
            primary.directory_.string() +
            " port=5432 user=postgres application_name=standby'\n"
            // What is not yet replayed may be far behind without a query being cancelled.
            "max_standby_streaming_delay = -1\n");
}

void TempCluster::configure(const std::string& lines) {
  std::ofstream configuration(directory_ / "data" / "postgresql.conf", std::ios::app);
  configuration << lines;
  if (!configuration.flush()) throw std::runtime_error("cannot write postgresql.conf");
}

void TempCluster::start() {
  if (server_ && server_->running()) return;
  ProgramOptions options;
  options.directory = "/";
  options.user = user_;
  server_ = std::make_unique<RunningProgram>(
      binaries_ / "postgres", std::vector<std::string>{"-D", (directory_ / "data").string()},
      options);
  wait_until_ready();
}

void TempCluster::wait_until_ready() {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (PQping(dsn().c_str()) != PQPING_OK) {
    if (!server_->running()) throw std::runtime_error("the server does not start: " + log());
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("the server is not ready after a minute: " + log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void TempCluster::stop() { stop_with(SIGINT); }

void TempCluster::stop_immediate() { stop_with(SIGQUIT); }

void TempCluster::fail_over_to(TempCluster& standby) {
  stop_immediate();
  {
    sql::ConnectOptions options;
    options.dsn = standby.dsn();
    sql::Connection connection(options);
    connection.execute("SELECT pg_promote()");
    connection.execute("ALTER SYSTEM RESET ALL");
  }
  standby.stop();
  fs::remove_all(directory_ / "data");
  fs::rename(standby.directory_ / "data", directory_ / "data");
  configure("unix_socket_directories = '" + directory_.string() + "'\n");
  start();
}

void TempCluster::stop_with(int signal) {
  if (!server_) return;
  server_->signal(signal);
  server_->wait();
}

std::string TempCluster::dsn(std::string_view database, std::string_view user) const {
  return "host=" + directory_.string() + " port=5432 dbname=" + std::string(database) +
         " user=" + std::string(user);
}

std::string TempCluster::log() const { return server_ ? server_->err() : std::string(); }

}  // namespace pgbackfill::test
