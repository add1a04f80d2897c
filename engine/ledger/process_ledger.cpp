#include "engine/ledger/process_ledger.hpp"

#include "sql/statements.hpp"

#include <array>
#include <unistd.h>

namespace pgbackfill::engine {
namespace {

std::string text(std::chrono::milliseconds lease) { return std::to_string(lease.count()); }

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "?";
  return name.data();
}

std::vector<ProcessRecord> gone_processes(const sql::Result& result) {
  std::vector<ProcessRecord> gone;
  for (int row = 0; row < result.rows(); ++row) {
    ProcessRecord record;
    record.role = result.text(row, 0);
    record.host = result.text(row, 1);
    record.pid = static_cast<int>(result.integer(row, 2));
    record.state = "gone";
    record.silent = result.real(row, 3);
    gone.push_back(std::move(record));
  }
  return gone;
}

std::int64_t ProcessLedger::enter(std::string_view role, std::chrono::milliseconds lease) {
  return connection_
      .execute(sql::statement("ledger_enter"),
               {std::to_string(job_id_), std::string(role), host_name(), std::to_string(::getpid()),
                text(lease)})
      .integer(0, 0);
}

void ProcessLedger::coordinate(std::int64_t process) {
  sql::Transaction transaction(connection_);
  // Processes, steps, ranges: in this order wherever several are changed, as in leave().
  connection_.execute(
      "UPDATE pgbackfill.process SET state = 'gone' WHERE job_id = $1::integer "
      "AND process_id <> $2::bigint AND state = 'active' "
      "AND (role = 'coordinator' OR expires < clock_timestamp())",
      {std::to_string(job_id_), std::to_string(process)});
  connection_.execute(
      "UPDATE pgbackfill.process SET state = 'active' WHERE process_id = $1::bigint",
      {std::to_string(process)});
  connection_.execute(
      "UPDATE pgbackfill.job SET throttle = NULL "
      "WHERE job_id = $1::integer AND throttle IS NOT NULL",
      {std::to_string(job_id_)});
  connection_.execute(
      "UPDATE pgbackfill.step SET open_round = NULL "
      "WHERE job_id = $1::integer AND open_round IS NOT NULL",
      {std::to_string(job_id_)});
  connection_.execute(
      "UPDATE pgbackfill.range SET owner = NULL, lease = NULL "
      "WHERE job_id = $1::integer AND state <> 'done' AND owner IS NOT NULL AND owner NOT IN "
      "(SELECT process_id FROM pgbackfill.process WHERE job_id = $1::integer "
      "AND state = 'active')",
      {std::to_string(job_id_)});
  transaction.commit();
}

void ProcessLedger::renew(std::int64_t process, std::chrono::milliseconds lease) {
  connection_.execute(sql::statement("ledger_renew"),
                      {std::to_string(job_id_), std::to_string(process), text(lease)});
}

void ProcessLedger::leave(std::int64_t process) {
  sql::Transaction transaction(connection_);
  // One that another coordinator has declared gone has no say in what that one has opened.
  connection_.execute(
      "WITH ended AS (UPDATE pgbackfill.process SET state = 'ended' "
      "WHERE process_id = $2::bigint AND state = 'active' RETURNING role) "
      "UPDATE pgbackfill.step SET open_round = NULL WHERE job_id = $1::integer "
      "AND open_round IS NOT NULL AND EXISTS (SELECT FROM ended WHERE role = 'coordinator')",
      {std::to_string(job_id_), std::to_string(process)});
  connection_.execute(
      "UPDATE pgbackfill.range SET owner = NULL, lease = NULL "
      "WHERE job_id = $1::integer AND owner = $2::bigint AND state <> 'done'",
      {std::to_string(job_id_), std::to_string(process)});
  transaction.commit();
}

std::vector<ProcessRecord> ProcessLedger::processes() {
  const sql::Result result =
      connection_.execute(sql::statement("ledger_processes"), {std::to_string(job_id_)});
  std::vector<ProcessRecord> records;
  for (int row = 0; row < result.rows(); ++row) {
    ProcessRecord record;
    record.process_id = result.integer(row, 0);
    record.role = result.text(row, 1);
    record.host = result.text(row, 2);
    record.pid = static_cast<int>(result.integer(row, 3));
    record.started = result.text(row, 4);
    record.state = result.text(row, 5);
    record.current = result.boolean(row, 6);
    record.silent = result.real(row, 7);
    record.ranges = result.integer(row, 8);
    record.heard = result.integer(row, 9);
    records.push_back(std::move(record));
  }
  return records;
}

void ProcessLedger::open_round(const RoundRecord& round) {
  connection_.execute(
      "UPDATE pgbackfill.step SET open_round = $3::integer, open_late = $4::boolean, "
      "open_rows = $5::double precision WHERE job_id = $1::integer AND step_id = $2",
      {std::to_string(job_id_), round.step_id, std::to_string(round.round),
       round.late ? "true" : "false", std::to_string(round.rows)});
}

std::vector<RoundProgress> ProcessLedger::open_rounds() {
  const sql::Result result =
      connection_.execute(sql::statement("ledger_open_rounds"), {std::to_string(job_id_)});
  std::vector<RoundProgress> rounds;
  for (int row = 0; row < result.rows(); ++row) {
    rounds.push_back({std::string(result.text(row, 0)), static_cast<int>(result.integer(row, 1)),
                      result.integer(row, 2), result.integer(row, 3), result.integer(row, 4)});
  }
  return rounds;
}

std::optional<ClaimedRange> ProcessLedger::claim(std::int64_t process,
                                                 std::chrono::milliseconds lease,
                                                 const std::vector<std::string>& known,
                                                 const std::vector<std::string>& passed_over) {
  const sql::Result result =
      connection_.execute(sql::statement("ledger_claim"),
                          {std::to_string(job_id_), std::to_string(process), text(lease),
                           sql::text_array_literal(known), sql::text_array_literal(passed_over)});
  if (result.rows() == 0) return std::nullopt;
  ClaimedRange claimed;
  claimed.range = read_range(result, 0);
  claimed.round = {std::string(result.text(0, 8)), claimed.range.round, result.boolean(0, 9),
                   result.real(0, 10)};
  return claimed;
}

JobOutlook ProcessLedger::outlook() {
  const sql::Result result =
      connection_.execute(sql::statement("ledger_outlook"), {std::to_string(job_id_)});
  // A job that is not there any more will not go on.
  if (result.rows() == 0) return {true, 0, false, false};
  return {result.text(0, 0) == "finished", result.integer(0, 1), result.boolean(0, 2),
          result.boolean(0, 3)};
}

RangeState ProcessLedger::state_of(sql::Connection& connection, std::int64_t range_id,
                                   std::string_view process) {
  const sql::Result result = connection.execute(
      "SELECT coalesce(owner = $2::bigint, false), state = 'done' "
      "FROM pgbackfill.range WHERE range_id = $1::bigint",
      {std::to_string(range_id), std::string(process)});
  if (result.rows() == 0) return RangeState::kMissing;
  if (!result.boolean(0, 0)) return RangeState::kTaken;
  return result.boolean(0, 1) ? RangeState::kOursDone : RangeState::kOurs;
}

}  // namespace pgbackfill::engine
