#pragma once

#include "engine/engine.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::test {

/// A test that runs jobs in this process against its own database, from migration files that it
/// writes into a directory of its own.
class JobTest : public PgTest {
 protected:
  static constexpr std::string_view kDefaultOrg = "00000000-0000-0000-0000-000000000001";

  /// What a migration file says to use write_team_lookup().
  static constexpr std::string_view kTeamLookup =
      "[[lookup]]\nname = \"team_orgs\"\nfile = \"team_orgs.csv\"\n";

  void SetUp() override;
  void TearDown() override;

  /// The table of organizations: Default and 5 more (…0101 to …0105).
  void create_organizations();
  std::filesystem::path write_file(std::string_view name, std::string_view text);
  /// A migration file: version, [tenant] on organizations, then `text`.
  planner::JobSpec job(std::string_view text);
  engine::EngineOptions options(const planner::JobSpec& spec) const;
  engine::RunReport run(const planner::JobSpec& spec);
  engine::RunReport run_until(const planner::JobSpec& spec, planner::Stage stage);
  /// The findings for which the job may not start, which must have left nothing behind; empty when
  /// it was not refused.
  std::vector<std::string> refusal(const planner::JobSpec& spec);
  /// team_orgs.csv with teams 1 to 20, team n in organization …0101 + n mod 5.
  void write_team_lookup();
  /// What that lookup gives, as SQL over column `team`.
  static std::string team_org(std::string_view team);
  /// Rows of bookings that have another organization than it gives, or none.
  std::int64_t wrong_rows();
  std::int64_t count(std::string_view query);
  /// Sum of the ledger's row counts of a backfill step.
  std::int64_t ledger_rows(std::string_view step_id);

  /// A line of the log so far has `text`. From any thread.
  bool logged(std::string_view text) const;
  /// Returns once it has.
  void wait_for_log(std::string_view text) const;

  engine::StopSignal stop_;
  engine::ProgressBoard board_;
  std::vector<std::string> log_;

 private:
  mutable engine::Mutex log_mutex_;
  std::filesystem::path directory_;
};

}  // namespace pgbackfill::test
