#pragma once

#include "engine/ledger/ledger.hpp"
#include "sql/connection.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

/// A process of a job, as status shows it.
struct ProcessRecord {
  std::int64_t process_id = 0;
  std::string role;  ///< coordinator | helper
  std::string host;
  int pid = 0;
  std::string started;   ///< as the server prints it
  std::string state;     ///< active | ended | gone (no heartbeat in time, or replaced)
  bool current = false;  ///< it has not ended, and nobody has noted that it is gone
  double silent = 0;     ///< seconds since its last heartbeat
  std::int64_t ranges = 0;
  std::int64_t heard = 0;  ///< the last request of an operator that it has obeyed
};

/// Of this machine.
std::string host_name();

/// What statement ledger_gone gives.
std::vector<ProcessRecord> gone_processes(const sql::Result& result);

/// A round of a backfill step, as whoever claims ranges of it has to know it.
struct RoundRecord {
  std::string step_id;
  int round = 0;
  bool late = false;  ///< the server computes the values: see TableJob::late
  double rows = 0;    ///< estimate of those to be written
};

struct ClaimedRange {
  RoundRecord round;
  RangeRecord range;
};

struct RoundProgress {
  std::string step_id;
  int round = 0;
  std::int64_t ranges = 0;
  std::int64_t undone = 0;
  std::int64_t rows = 0;  ///< of all rounds of the step
};

/// What a helper has to know of its job.
struct JobOutlook {
  bool finished = false;
  std::int64_t backfills_left = 0;
  bool coordinated = false;  ///< a coordinator lives
  bool abandoned = false;    ///< the last one did not end by itself
};

enum class RangeState { kOurs, kOursDone, kTaken, kMissing };

/// The part of the ledger by which processes share a job's ranges: who they are, and leases on
/// ranges, which whoever holds them renews in time. Times are the server's. As Ledger, uses the
/// connection it is given; one owner thread.
class ProcessLedger {
 public:
  ProcessLedger(sql::Connection& connection, int job_id) noexcept
      : connection_(connection), job_id_(job_id) {}

  /// Notes this process (by host name and pid) and returns its id.
  std::int64_t enter(std::string_view role, std::chrono::milliseconds lease);
  /// The process holds the coordinator's seat from now on: no round is open, and other coordinators
  /// are gone, as is who has not been heard of in time, and their ranges are free.
  void coordinate(std::int64_t process);
  void renew(std::int64_t process, std::chrono::milliseconds lease);
  /// The process ends: others may take its ranges up at once. With the coordinator, as long as it
  /// is that, every round is closed.
  void leave(std::int64_t process);
  std::vector<ProcessRecord> processes();

  /// From now on every process may claim ranges of the round.
  void open_round(const RoundRecord& round);
  std::vector<RoundProgress> open_rounds();
  /// `known`: ranges that the process knows to be its own; one that it holds without knowing (the
  /// answer was lost) it gets again. `passed_over`: steps of which it wants none.
  std::optional<ClaimedRange> claim(std::int64_t process, std::chrono::milliseconds lease,
                                    const std::vector<std::string>& known,
                                    const std::vector<std::string>& passed_over);
  JobOutlook outlook();

  /// Whose a range is, for one to whom the server has not written a batch of it.
  static RangeState state_of(sql::Connection& connection, std::int64_t range_id,
                             std::string_view process);

 private:
  sql::Connection& connection_;
  const int job_id_;
};

}  // namespace pgbackfill::engine
