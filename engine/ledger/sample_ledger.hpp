#pragma once

#include "engine/progress.hpp"
#include "sql/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

/// What the backfill did within some seconds.
struct Sample {
  double from = 0;  ///< seconds since 1970, as is `to`; as read
  double to = 0;
  double seconds = 0;  ///< under way between the two
  std::int64_t rows = 0;
  std::int64_t wal_bytes = 0;  ///< the server's, whoever wrote it
  std::optional<BatchTimes> times;
};

/// While the writers held back for one reason.
struct ThrottlePeriod {
  double from = 0;  ///< seconds since 1970, as is `to`
  double to = 0;
  std::string since;  ///< `from` as the server prints it
  double seconds = 0;
  std::string reason;
};

/// The part of the ledger that says how a backfill went over time. Uses the connection it is
/// given; one owner thread.
class SampleLedger {
 public:
  SampleLedger(sql::Connection& connection, int job_id) noexcept
      : connection_(connection), job_id_(job_id) {}

  /// A ledger that an earlier version made has none.
  bool exists();
  /// Ends a sample now; `wal` is the server's position when it began. Returns the one now.
  std::int64_t add(const Sample& sample, std::int64_t wal, const std::string& throttle);
  /// In order; neighbours are drawn together until there are at most `most`.
  std::vector<Sample> samples(int most);
  std::vector<ThrottlePeriod> throttled();

 private:
  sql::Connection& connection_;
  const int job_id_;
};

}  // namespace pgbackfill::engine
