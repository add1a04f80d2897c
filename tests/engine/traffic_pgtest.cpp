#include "tests/engine/traffic_fixture.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace pgbackfill::test {
namespace {

using engine::RunOutcome;
using planner::Stage;

/// A whole job, with the deployment in the middle that README describes, under eight clients.
class Traffic : public TrafficTest {
 protected:
  static void print(const char* when, const Clients::Latencies& latencies) {
    std::cout << fmt::format("{:<32} {:>8} transactions, p99 {:>7.2f} ms, longest {:>8.1f} ms\n",
                             when, latencies.transactions, latencies.p99_ms, latencies.most_ms);
  }

  /// What the job cost the application, which is the same in both.
  static void print_ratio(const char* what, const Clients::Latencies& during,
                          const Clients::Latencies& alone) {
    std::cout << fmt::format("{:<32} p99 x{:.2f} of the same application alone\n", what,
                             during.p99_ms / alone.p99_ms);
  }

  void migrate(planner::JobSpec spec) {
    Clients clients(dsn(), 8);
    clients.reach(long_form() ? 3000 : 50);
    const auto before = clients.latencies();
    print("before", before);

    EXPECT_EQ(run_until(spec, Stage::kExpand).outcome, RunOutcome::kDone);
    clients.deploy(Version::kMixed);
    EXPECT_EQ(run_until(spec, Stage::kBackfill).outcome, RunOutcome::kDone);
    const auto backfill = clients.latencies();
    print("expand and backfill", backfill);
    EXPECT_EQ(count("SELECT count(*) FROM pgbackfill.quarantine"), 0);

    clients.deploy(Version::kNew);
    EXPECT_EQ(run(spec).outcome, RunOutcome::kDone);
    const auto rest = clients.latencies();
    print("enforce to finish", rest);
    clients.reach(long_form() ? 1000 : 20);
    const auto after = clients.latencies();
    print("after", after);
    print_ratio("expand and backfill", backfill, before);
    print_ratio("enforce to finish", rest, after);
    clients.end();

    EXPECT_EQ(clients.failures(), 0) << clients.first_failure();
    EXPECT_EQ(differences(), 0);
    EXPECT_EQ(
        value("SELECT string_agg(e::text, ' ') FROM unnest(enum_range(NULL::user_role)) AS e"),
        "worker foreman manager admin");
    if (!long_form()) return;
    // Statements of ours give up their locks after lock_timeout; a second for the machine.
    const auto patience = static_cast<double>(spec.run.lock_timeout.count()) + 1000;
    EXPECT_LE(backfill.most_ms, patience);
    EXPECT_LE(rest.most_ms, patience);
  }
};

TEST_F(Traffic, NoTransactionFailsAndNoRowIsStale) {
  create_tables(long_form() ? 300'000 : 5000);
  migrate(job(sections()));
}

TEST_F(Traffic, TheSameWithADutyCycle) {
  create_tables(long_form() ? 300'000 : 2000);
  auto spec = job(sections());
  spec.run.duty_cycle = 0.3;
  migrate(spec);
}

}  // namespace
}  // namespace pgbackfill::test
