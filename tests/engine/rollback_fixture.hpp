#pragma once

#include "engine/mutex.hpp"
#include "engine/rollback/rollback.hpp"
#include "engine/sync_point.hpp"
#include "tests/engine/job_fixture.hpp"
#include "tests/support/run_program.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::test {

/// A test that takes jobs back and compares the database with what it was.
class RollbackTest : public JobTest {
 protected:
  /// In this process; `yes` is the answer to what would be lost, which losses_ has then.
  engine::RollbackReport roll_back(const planner::JobSpec& spec,
                                   std::optional<planner::Stage> to = {}, bool yes = false);
  /// The program, armed with a sync point. Returns once its sessions have ended.
  ProgramOutcome command(const std::string& name, const planner::JobSpec& spec,
                         const std::vector<std::string>& more = {},
                         const std::string& sync_point = {});

  /// The schema as pg_dump writes it, without comments.
  std::string dump_as_written();
  /// The same; sorted, for a column that comes back is the table's last.
  std::string dump();
  /// Of every row of every table, whatever the order of the columns.
  std::string checksums();
  void remember();
  void expect_as_before();

  std::string schema_;
  std::string data_;
  std::vector<std::string> losses_;
  std::string rollback_log_;
  engine::Mutex rollback_log_mutex_;
};

}  // namespace pgbackfill::test
