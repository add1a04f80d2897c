#include "sql/connection.hpp"
#include "tests/support/temp_cluster.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace pgbackfill::test {
namespace {

pgbackfill::sql::Connection connect(const TempCluster& cluster) {
  pgbackfill::sql::ConnectOptions options;
  options.dsn = cluster.dsn();
  return pgbackfill::sql::Connection(options);
}

TEST(TempClusterTest, SurvivesACrashAndTakesSettings) {
  TempCluster cluster(TempCluster::Settings{{"work_mem", "7MB"}});
  EXPECT_EQ(connect(cluster).execute("SHOW work_mem").text(0, 0), "7MB");
  connect(cluster).execute("CREATE TABLE t AS SELECT 1 AS a");
  cluster.stop_immediate();
  EXPECT_THROW(connect(cluster), pgbackfill::sql::Error);
  cluster.start();
  EXPECT_EQ(connect(cluster).execute("SELECT a FROM t").integer(0, 0), 1);
  cluster.stop();
  cluster.start();
  EXPECT_EQ(connect(cluster).execute("SELECT a FROM t").integer(0, 0), 1);
}

TEST(TempClusterTest, LeavesNothingBehind) {
  std::filesystem::path directory;
  {
    const TempCluster cluster;
    directory = cluster.directory();
    EXPECT_TRUE(std::filesystem::exists(directory));
  }
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST(TempClusterTest, LeavesNothingBehindWhenItsProcessIsKilled) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    const TempCluster cluster;
    const std::string name = cluster.directory().string() + "\n";
    if (write(ends[1], name.data(), name.size()) < 0) _exit(1);
    std::raise(SIGKILL);
  }
  close(ends[1]);
  std::string name;
  for (char byte = 0; read(ends[0], &byte, 1) == 1 && byte != '\n';) name += byte;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  ASSERT_FALSE(name.empty());
  for (int i = 0; i < 1000 && std::filesystem::exists(name); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_FALSE(std::filesystem::exists(name));
}

TEST(TempClusterTest, SaysWhereItLookedForAServer) {
  const char* given = std::getenv("PGBACKFILL_PG_BINDIR");
  const std::string before = given != nullptr ? given : "";
  setenv("PGBACKFILL_PG_BINDIR", "/nonexistent", 1);
  EXPECT_THROW(find_server_binaries(), std::runtime_error);
  unsetenv("PGBACKFILL_PG_BINDIR");
  // The tests after it are to have the server that was asked for.
  if (given != nullptr) setenv("PGBACKFILL_PG_BINDIR", before.c_str(), 1);
}

TEST(TempClusterRunProgram, CapturesOutputAndExitCode) {
  ProgramOptions options;
  options.environment["GREETING"] = "hello";
  options.directory = "/";
  const ProgramOutcome outcome =
      run_program("sh", {"-c", "echo $GREETING; pwd >&2; exit 3"}, options);
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.out, "hello\n");
  EXPECT_EQ(outcome.err, "/\n");
  EXPECT_FALSE(outcome.timed_out);
}

TEST(TempClusterRunProgram, EndsWhatTakesTooLong) {
  ProgramOptions options;
  options.timeout = std::chrono::milliseconds(100);
  const ProgramOutcome outcome = run_program("sleep", {"60"}, options);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_EQ(outcome.signal, SIGKILL);
}

TEST(TempClusterRunProgram, SignalsAProgramInTheBackground) {
  RunningProgram program("sh", {"-c", "trap 'echo caught; exit 4' TERM; echo up; sleep 2 & wait"});
  while (program.out() != "up\n") std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(program.running());
  program.signal(SIGTERM);
  const ProgramOutcome outcome = program.wait();
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_EQ(outcome.out, "up\ncaught\n");
  EXPECT_EQ(run_program("/nonexistent/program", {}).exit_code, 127);
}

}  // namespace
}  // namespace pgbackfill::test
