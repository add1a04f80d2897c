#include "engine/ledger/control_ledger.hpp"

#include "engine/ledger/ledger.hpp"
#include "engine/ledger/process_ledger.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

namespace pgbackfill::engine {
namespace {

constexpr std::array<std::string_view, 4> kActions{"pause", "resume", "stop", "set"};

std::string name(ControlAction action) {
  return std::string(kActions.at(static_cast<std::size_t>(action)));
}

ControlAction parse_action(std::string_view text) {
  for (std::size_t i = 0; i < kActions.size(); ++i) {
    if (kActions.at(i) == text) return static_cast<ControlAction>(i);
  }
  throw std::runtime_error(fmt::format("the ledger asks for an unknown action, \"{}\"", text));
}

std::vector<ControlRequest> read_requests(const sql::Result& result) {
  std::vector<ControlRequest> requests;
  for (int row = 0; row < result.rows(); ++row) {
    ControlRequest request;
    request.id = result.integer(row, 0);
    request.action = parse_action(result.text(row, 1));
    request.key = result.optional_text(row, 2).value_or("");
    request.value = result.optional_text(row, 3).value_or("");
    request.role = result.text(row, 4);
    request.host = result.text(row, 5);
    request.at = result.text(row, 6);
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace

std::string ControlRequest::done_by() const {
  std::string text = "paused";
  if (action == ControlAction::kResume) text = "resumed";
  if (action == ControlAction::kStop) text = "stopped";
  if (action == ControlAction::kSet) text = fmt::format("{} = {} set", key, value);
  return fmt::format("{} by {} at {} from {}", text, role, at, host);
}

std::int64_t ControlLedger::ask(ControlAction action, const Settings& settings) {
  sql::Transaction transaction(connection_);
  // One at a time: ids become visible in their order.
  connection_.execute("SELECT FROM pgbackfill.job WHERE job_id = $1::integer FOR NO KEY UPDATE",
                      {std::to_string(job_id_)});
  std::int64_t last = 0;
  const auto add = [&](const sql::Params& key_and_value) {
    sql::Params params{std::to_string(job_id_), name(action), host_name()};
    params.insert(params.end(), key_and_value.begin(), key_and_value.end());
    const auto added =
        read_requests(connection_.execute(sql::statement("ledger_ask"), params)).front();
    last = added.id;
    Ledger(connection_).event(job_id_, "info", added.done_by());
  };
  for (const auto& [key, value] : settings) add({key, value});
  if (settings.empty()) add({std::nullopt, std::nullopt});
  transaction.commit();
  return last;
}

std::optional<ControlRequest> ControlLedger::pause() {
  auto newest =
      read_requests(connection_.execute(sql::statement("ledger_pause"), {std::to_string(job_id_)}));
  if (newest.empty() || newest.front().action != ControlAction::kPause) return std::nullopt;
  return std::move(newest.front());
}

std::vector<ControlRequest> ControlLedger::since(std::int64_t id) {
  return read_requests(connection_.execute(sql::statement("ledger_asked"),
                                           {std::to_string(job_id_), std::to_string(id)}));
}

std::vector<ControlRequest> ControlLedger::settings() {
  return read_requests(
      connection_.execute(sql::statement("ledger_settings"), {std::to_string(job_id_)}));
}

std::int64_t ControlLedger::heard(std::int64_t process) {
  return connection_
      .execute("SELECT heard FROM pgbackfill.process WHERE process_id = $1::bigint",
               {std::to_string(process)})
      .integer(0, 0);
}

void ControlLedger::hear(std::int64_t process, std::int64_t id) {
  connection_.execute(
      "UPDATE pgbackfill.process SET heard = $2::bigint WHERE process_id = $1::bigint",
      {std::to_string(process), std::to_string(id)});
}

}  // namespace pgbackfill::engine
