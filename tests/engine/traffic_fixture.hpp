#pragma once

#include "tests/engine/job_fixture.hpp"

#include <boost/thread/thread.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace pgbackfill::test {

/// Whether the long forms of tests are asked for (tools/test.sh --long).
bool long_form();

/// Which version of the application is live.
enum class Version {
  kOld,    ///< knows nothing of organizations
  kMixed,  ///< sends them with some new rows; the column must be there
  kNew,    ///< sends them with every row, and keeps a moved row's children with it
};

/// An application's clients on the tables of TrafficTest, each in a session and thread of its own:
/// new rows, inputs and roles and parents that change, rows that go, long reads.
class Clients {
 public:
  struct Latencies {
    std::size_t transactions = 0;
    double p99_ms = 0;
    double most_ms = 0;
  };

  /// `patient`: sessions that are lost are opened again, and what failed with them is no failure.
  /// `rest`: how long a client waits after each transaction.
  Clients(std::string dsn, int clients, bool patient = false, std::chrono::milliseconds rest = {});
  ~Clients();

  /// Returns once no client goes by an older version.
  void deploy(Version version);
  void end();
  /// Returns once every client has done so many transactions more.
  void reach(int transactions) const;
  int failures() const { return failures_; }
  std::string first_failure() const;
  /// Of the transactions since the last call.
  Latencies latencies();

 private:
  struct Client;
  void run(Client& client);
  /// False for a long read, whose time says nothing.
  bool once(sql::Connection& session, std::mt19937& random, Version version);

  const std::string dsn_;
  const bool patient_;
  const std::chrono::milliseconds rest_;
  std::atomic<bool> ended_{false};
  std::atomic<Version> version_{Version::kOld};
  std::atomic<int> failures_{0};
  mutable engine::Mutex mutex_;  ///< of first_failure_ and the clients' latencies
  std::string first_failure_;
  std::vector<std::unique_ptr<Client>> clients_;
};

/// Bookings by their team, runs by their booking, items by their run, users with a role, notes.
class TrafficTest : public JobTest {
 protected:
  void create_tables(int bookings);
  /// The migration file's sections for them.
  static std::string sections();
  /// Rows that differ from what they are computed from, by statements of our own.
  std::int64_t differences();
  /// The organization of a team of write_team_lookup(), as SQL over `team`.
  static std::string org_of_team(std::string_view team) { return team_org(team); }
  friend class Clients;
};

}  // namespace pgbackfill::test
