#pragma once

#include "engine/ledger/sample_ledger.hpp"
#include "engine/progress.hpp"

#include <chrono>
#include <string>

namespace pgbackfill::engine {

/// Writes down every other second what the backfill did since, and at once when its writers begin
/// or cease to hold back. Uses the coordinator's connection; one owner thread.
class Sampler {
 public:
  Sampler(sql::Connection& connection, int job_id, ProgressBoard& board);

  /// Harmless as often as one likes.
  void look();
  /// What has been done since the last sample is written down too.
  void end();

 private:
  void write(const ProgressSnapshot& now);

  SampleLedger ledger_;
  ProgressBoard& board_;
  bool kept_;  ///< the ledger has a place for samples
  std::chrono::steady_clock::time_point since_;
  std::int64_t rows_ = 0;
  std::int64_t wal_ = 0;
  std::string throttle_;  ///< since then
};

}  // namespace pgbackfill::engine
