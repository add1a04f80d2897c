#pragma once

#include "bench/measure.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace pgbackfill::bench {

/// A user's server and the database on it that is to be copied.
class SweepSource {
 public:
  /// Throws std::invalid_argument when `dsn` is no connection string, std::runtime_error when the
  /// database cannot be copied (others are connected, rights are missing) or has been worked on by
  /// pgbackfill already; both say what to do.
  explicit SweepSource(std::string_view dsn);

  const std::string& database() const noexcept { return database_; }
  sql::Connection connect(std::string_view database) const;
  /// A session beside the source, from which databases are made and dropped.
  sql::Connection maintenance() const;
  /// For a program's command line: without the password, which is in environment().
  std::string public_dsn(std::string_view database) const;
  const std::map<std::string, std::string>& environment() const noexcept { return environment_; }

 private:
  std::string dsn_with(std::string_view database, bool password) const;
  void refuse_if_not_copyable() const;

  std::map<std::string, std::string> keywords_;
  std::map<std::string, std::string> environment_;
  std::string database_;
};

/// A copy of the source's database, dropped with this object.
class SweepCopy {
 public:
  explicit SweepCopy(const SweepSource& source);
  ~SweepCopy();
  SweepCopy(const SweepCopy&) = delete;
  SweepCopy& operator=(const SweepCopy&) = delete;
  const std::string& name() const noexcept { return name_; }

 private:
  const SweepSource& source_;
  std::string name_;
};

/// What the ledger says about the backfill of `table` (empty: all). Throws std::runtime_error when
/// there was none.
struct BackfillRecord {
  std::int64_t rows = 0;
  double seconds = 0;
};
BackfillRecord read_backfill(sql::Connection& session, const std::string& table);

/// Sizes and counters of `table` with its partitions, or of all user tables when it is empty. Waits
/// for the statistics as read_state() does.
TableState read_states(sql::Connection& session, const std::string& table,
                       std::int64_t expected_updates);

}  // namespace pgbackfill::bench
