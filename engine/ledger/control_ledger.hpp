#pragma once

#include "sql/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::engine {

enum class ControlAction { kPause, kResume, kStop, kSet };

/// What an operator asked of a job's run, and who it was.
struct ControlRequest {
  std::int64_t id = 0;
  ControlAction action = ControlAction::kPause;
  std::string key;  ///< kSet: of [run]
  std::string value;
  std::string role;
  std::string host;
  std::string at;

  /// For people: "paused by alice at 2026-01-01 12:00:00 UTC from her-laptop".
  std::string done_by() const;
};

/// The part of the ledger by which operators control a run under way. As Ledger, uses the
/// connection it is given; one owner thread.
class ControlLedger {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;  ///< key, value

  ControlLedger(sql::Connection& connection, int job_id) noexcept
      : connection_(connection), job_id_(job_id) {}

  /// Writes it down, with the diary's entry; returns the id of the last request that it makes.
  /// `settings`: of kSet, each a request.
  std::int64_t ask(ControlAction action, const Settings& settings = {});
  /// The pause that holds.
  std::optional<ControlRequest> pause();
  /// Newer than that one, oldest first.
  std::vector<ControlRequest> since(std::int64_t id);
  /// The last value of each key that was set for the run under way.
  std::vector<ControlRequest> settings();

  /// The last request that the process has obeyed, or that came before it did.
  std::int64_t heard(std::int64_t process);
  void hear(std::int64_t process, std::int64_t id);

 private:
  sql::Connection& connection_;
  const int job_id_;
};

}  // namespace pgbackfill::engine
