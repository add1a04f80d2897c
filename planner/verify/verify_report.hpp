#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// One question asked of the database and its answer.
struct VerifyCheck {
  std::string object;  ///< table, table.column, type, index, …
  std::string name;    ///< stable kind: "no-null", "no-default", "not-null", "foreign-key", …
  bool passed = false;
  std::string message;  ///< what differs, with counts; empty when passed
  /// Neither passed nor failed: it could not be tried, for the reason in `message`.
  bool skipped = false;
  /// SQL that mends it, where there is such, each ended by a semicolon. To be read before it is
  /// run.
  std::vector<std::string> mend = {};
};

/// Something that the database has and the file does not speak of; neither good nor bad.
struct Unnamed {
  std::string kind;    ///< stable: "table", "tenant-column"
  std::string object;  ///< what it is
  std::string message;
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
  std::vector<Unnamed> unnamed;
  std::vector<std::string> notes;  ///< worth knowing, neither good nor bad
  /// Nothing failed.
  bool passed() const noexcept;
};

}  // namespace pgbackfill::planner
