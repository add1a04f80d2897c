#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/scratch_directory.hpp"
#include "tools/metrics/metrics.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <chrono>
#include <netinet/in.h>
#include <regex>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace pgbackfill::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kJob = R"toml(version = 1
[run]
method = "update"
throttle_query = "SELECT held FROM brake"
[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
[[table]]
name = "bookings"
value = { sql = "('00000000-0000-0000-0000-00000000000' || (1 + booking_id % 2))::uuid" }
)toml";

/// A listening or connecting socket on the loopback interface.
struct Socket {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  explicit Socket(int port) {
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  ~Socket() { close(fd); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  sockaddr* name() { return reinterpret_cast<sockaddr*>(&address); }
};

std::string scrape(int port) {
  Socket socket(port);
  if (connect(socket.fd, socket.name(), sizeof socket.address) != 0) return {};
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  if (send(socket.fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  std::string answer;
  char bytes[4096];
  for (ssize_t n = 0; (n = recv(socket.fd, bytes, sizeof bytes, 0)) > 0;) {
    answer.append(bytes, static_cast<std::size_t>(n));
  }
  return answer;
}

class Metrics : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY);"
        "INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000001'),"
        " ('00000000-0000-0000-0000-000000000002');"
        "CREATE TABLE brake AS SELECT true AS held;"
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, state text);"
        "INSERT INTO bookings SELECT g, 'open' FROM generate_series(1, 5000) AS g;"
        "ANALYZE bookings");
    file_ = directory_.write("job.toml", kJob).string();
  }

  std::vector<std::string> run_arguments(const std::string& address) const {
    return {"run", "-c", file_, "--dsn", dsn(), "--metrics", address};
  }

  /// Waits until what `text` gives satisfies `good`.
  template <typename Text, typename Good>
  static std::string wait_for(Text text, Good good) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    std::string last = text();
    while (!good(last) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      last = text();
    }
    return last;
  }

  ScratchDirectory directory_;
  std::string file_;
};

TEST_F(Metrics, ShowARunThatHoldsBack) {
  ProgramOptions options;
  options.timeout = std::chrono::minutes(3);
  RunningProgram run(PGBACKFILL_EXECUTABLE, run_arguments("127.0.0.1:0"), options);
  const std::regex place("metrics at port ([0-9]+)");
  std::smatch found;
  const std::string said = wait_for(
      [&] { return run.err(); },
      [&](const std::string& text) { return std::regex_search(text, place) || !run.running(); });
  ASSERT_TRUE(std::regex_search(said, found, place)) << said;
  const int port = std::stoi(found[1]);
  const std::string held = "pgbackfill_throttled{reason=\"throttle_query\"} 1\n";
  const std::string page =
      wait_for([&] { return scrape(port); },
               [&](const std::string& text) {
                 return text.find(held) != std::string::npos &&
                        text.find("pgbackfill_table_rows_expected") != std::string::npos;
               });
  EXPECT_THAT(page, AllOf(HasSubstr(held), HasSubstr("200 OK"),
                          HasSubstr("pgbackfill_stage{stage=\"backfill\"} 1\n"),
                          HasSubstr("pgbackfill_table_rows_total{table=\"bookings\"} "),
                          HasSubstr("pgbackfill_table_rows_expected{table=\"bookings\"} 5000\n"),
                          HasSubstr("pgbackfill_table_quarantined_rows{table=\"bookings\"} 0\n"),
                          HasSubstr("pgbackfill_process_retries_total "),
                          HasSubstr("pgbackfill_leased_ranges{process="),
                          HasSubstr("pgbackfill_ledger_up 1\n")))
      << page << run.err();
  sql("UPDATE brake SET held = false");
  const ProgramOutcome outcome = run.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(value("SELECT count(*) FROM bookings WHERE org_id IS NULL"), "0");
}

TEST_F(Metrics, PortOfAnotherProgramIsAnErrorBeforeAnythingIsChanged) {
  Socket other(0);
  ASSERT_EQ(bind(other.fd, other.name(), sizeof other.address), 0);
  ASSERT_EQ(listen(other.fd, 1), 0);
  socklen_t size = sizeof other.address;
  ASSERT_EQ(getsockname(other.fd, other.name(), &size), 0);
  const std::string address = fmt::format("127.0.0.1:{}", ntohs(other.address.sin_port));
  const ProgramOutcome outcome = run_program(PGBACKFILL_EXECUTABLE, run_arguments(address));
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("--metrics: cannot listen on " + address));
  EXPECT_EQ(value("SELECT to_regnamespace('pgbackfill') IS NULL"), "t");
}

TEST_F(Metrics, ReasonsOfTheThrottleAreAFew) {
  using tools::throttle_reason;
  EXPECT_EQ(throttle_reason("replica r1 is 12.0 s behind, the limit is 10.0 s"), "max_replica_lag");
  EXPECT_EQ(throttle_reason("the replicas' lag cannot be seen: no"), "max_replica_lag");
  EXPECT_EQ(throttle_reason("replication slot s retains 9 MB of WAL"), "max_slot_wal");
  EXPECT_EQ(throttle_reason("the server writes more WAL than 5.0 MB a second"), "max_wal_rate");
  EXPECT_EQ(throttle_reason("throttle_query says true"), "throttle_query");
  EXPECT_EQ(throttle_reason("2 sessions wait for a lock of pgbackfill"), "lock_waits");
  EXPECT_EQ(throttle_reason("replica_notes is being vacuumed"), "vacuum");
}

}  // namespace
}  // namespace pgbackfill::test
