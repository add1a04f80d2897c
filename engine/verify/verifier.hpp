#pragma once

#include "planner/job_spec.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::engine {

/// One question asked of the database and its answer.
struct VerifyCheck {
  std::string object;  ///< table, table.column, type, index, …
  std::string name;    ///< stable kind: "no-null", "no-default", "not-null", "foreign-key", …
  bool passed = false;
  std::string message;  ///< what differs, with counts; empty when passed
};

struct VerifyReport {
  std::vector<VerifyCheck> checks;
  /// Per table: rows per organization, most first (at most 1000 organizations a table).
  struct TableCounts {
    std::string table;
    std::vector<std::pair<std::string, std::int64_t>> organizations;
    std::int64_t total = 0;
  };
  std::vector<TableCounts> counts;
  bool passed() const noexcept;
};

/// Compares the database with what the migration file asks for: per table no NULL, no default,
/// NOT NULL, a valid foreign key to the organizations without cascade, every index asked for
/// present, valid and over the right columns, the tenant column equal to the parent's along every
/// foreign key between core tables, rows per organization; per enum the labels (in order when
/// strict) and no shadow or old column left; no leftover trigger, function or check of ours.
/// Needs no ledger. Reads only, in one REPEATABLE READ transaction.
VerifyReport verify(const planner::JobSpec& spec, sql::Connection& connection);

}  // namespace pgbackfill::engine
