#pragma once

#include "tests/support/run_program.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace pgbackfill::test {

/// A database server of our own in a temporary directory: no TCP, a private socket, no fsync,
/// superuser "postgres" without a password. Started by root it runs as the user postgres.
/// It is stopped and its directory removed by the destructor, and also when this process dies
/// without running it.
class TempCluster {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  /// Creates and starts it. `settings` come on top of our own. Throws std::runtime_error when the
  /// server's programs are missing (naming what to install) or do not work (with their output).
  explicit TempCluster(const Settings& settings = {});
  /// A hot standby that streams from `primary`, which is restarted for it. Let it die first.
  static std::unique_ptr<TempCluster> standby_of(TempCluster& primary);
  ~TempCluster();
  TempCluster(const TempCluster&) = delete;
  TempCluster& operator=(const TempCluster&) = delete;

  /// The cluster that all tests of this process share.
  static TempCluster& shared();

  void start();
  /// Fast shutdown: sessions are ended, data is checkpointed. Harmless when stopped.
  void stop();
  /// As a crash: no checkpoint; the next start recovers from the log.
  void stop_immediate();
  /// A failover behind one address: `standby` is promoted and runs in this one's place from then
  /// on. What had not come to it is lost. Only its destructor may be called afterwards.
  void fail_over_to(TempCluster& standby);

  std::string dsn(std::string_view database = "postgres", std::string_view user = "postgres") const;
  const std::filesystem::path& directory() const noexcept { return directory_; }
  /// The server's log so far.
  std::string log() const;

 private:
  struct Empty {};
  explicit TempCluster(Empty);
  void create_directory();
  void start_guardian();
  void run_initdb(const Settings& settings);
  void copy_data(const TempCluster& primary);
  void configure(const std::string& lines);
  void stop_with(int signal);
  void wait_until_ready();

  std::filesystem::path binaries_;
  std::filesystem::path directory_;
  std::string user_;  ///< whom the server runs as; empty: ourselves
  std::unique_ptr<RunningProgram> server_;
  pid_t guardian_ = -1;
  int guardian_pipe_ = -1;
};

/// Directory with initdb and postgres: PGBACKFILL_PG_BINDIR, else pg_config's, else the newest
/// of Debian's. Throws std::runtime_error when there is none.
std::filesystem::path find_server_binaries();

}  // namespace pgbackfill::test
