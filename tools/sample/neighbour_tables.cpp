#include "tools/sample/tables.hpp"
#include "tools/sample/words.hpp"

namespace pgbackfill::tools {
namespace {

Row booking_of_entry(const Sample& sample, Row entry) {
  return sample.nearby(Table::kWorkTimeEntries, entry, Table::kBookings);
}

void fill_time_entry(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kWorkTimeEntries, row);
  const Row booking = booking_of_entry(sample, row);
  const std::int64_t started = sample.created_at(Table::kWorkTimeEntries, row);
  const int minutes = random.between(40, 300);
  out.key(Table::kWorkTimeEntries, row);
  out.key(Table::kBookings, booking);
  out.number(sample.booking(booking).worker);
  out.text("FINISHED");
  out.timestamp(started);
  out.timestamp(started + minutes * (RowWriter::kHour / 60));
  out.integer(minutes * 60);
}

void fill_reason_log(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kReasonLogs, row);
  std::optional<Row> entry;
  Row booking = sample.nearby(Table::kReasonLogs, row, Table::kBookings);
  if (random.chance(50)) {
    entry = sample.nearby(Table::kReasonLogs, row, Table::kWorkTimeEntries);
    booking = booking_of_entry(sample, *entry);
  }
  out.key(Table::kReasonLogs, row);
  out.key(Table::kBookings, booking);
  out.key(Table::kWorkTimeEntries, entry);
  out.text(entry ? "TIME_OVERRUN" : "PRICE_ADJUST");
  out.text(random.pick(std::array{"CLIENT_REQUEST"sv, "ACCESS_DELAY"sv, "OTHER"sv}));
  out.null();
  out.timestamp(sample.created_at(Table::kReasonLogs, row));
}

void fill_policy_override(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kPolicyOverrideAudits, row);
  out.key(Table::kPolicyOverrideAudits, row);
  out.key(Table::kBookings, sample.nearby(Table::kPolicyOverrideAudits, row, Table::kBookings));
  out.text("deposit_waived");
  out.format("user{}@backoffice.example", random.below(sample.rows(Table::kUsers)) + 1);
  out.text("Long-standing client");
  out.json(R"({{"deposit_percent": 25}})");
  out.json(R"({{"deposit_percent": 0}})");
  out.timestamp(sample.created_at(Table::kPolicyOverrideAudits, row));
}

void fill_nps_response(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kNpsResponses, row);
  const Row booking = sample.nearby(Table::kNpsResponses, row, Table::kBookings);
  out.number(row);
  out.key(Table::kBookings, booking);
  out.key(Table::kClientUsers, sample.booking(booking).client);
  out.integer(random.between(0, 10));
  if (random.chance(30)) {
    out.text("On time and thorough.");
  } else {
    out.null();
  }
  out.timestamp(sample.created_at(Table::kNpsResponses, row));
}

void fill_support_ticket(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kSupportTickets, row);
  const Row booking = sample.nearby(Table::kSupportTickets, row, Table::kBookings);
  const std::int64_t created = sample.created_at(Table::kSupportTickets, row);
  out.key(Table::kSupportTickets, row);
  out.key(Table::kBookings, booking);
  out.key(Table::kClientUsers, sample.booking(booking).client);
  out.text(random.chance(70) ? "RESOLVED" : "OPEN");
  out.text(random.pick(std::array{"low"sv, "normal"sv, "high"sv}));
  out.text("Question about the last visit");
  out.text("Could somebody call me back about the balcony doors?");
  out.timestamp(created);
  out.timestamp(created);
}

void fill_event_log(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kEventLogs, row);
  const Row booking = sample.nearby(Table::kEventLogs, row, Table::kBookings);
  out.key(Table::kEventLogs, row);
  if (random.chance(80)) {
    out.key(Table::kBookings, booking);
  } else {
    out.null();
  }
  out.text(random.pick(std::array{"quote_sent"sv, "page_view"sv, "form_started"sv}));
  out.json(R"({{"step": {}}})", random.between(1, 6));
  out.timestamp(sample.created_at(Table::kEventLogs, row));
}

void fill_export_event(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kExportEvents, row);
  const bool failed = random.chance(10);
  out.key(Table::kExportEvents, row);
  out.key(Table::kLeads, sample.nearby(Table::kExportEvents, row, Table::kLeads));
  out.text("webhook");
  out.text("crm.example");
  out.integer(failed ? 5 : 1);
  if (failed) {
    out.text("502 from the receiver");
  } else {
    out.null();
  }
  out.timestamp(sample.created_at(Table::kExportEvents, row));
}

void fill_heartbeat(const Sample& sample, Row row, RowWriter& out) {
  out.format("job-{:02}", row + 1);
  out.format("runner-{}", row % 3);
  out.timestamp(sample.created_at(Table::kJobHeartbeats, row));
}

void fill_version(const Sample&, Row, RowWriter& out) { out.text("0033_service_reports"); }

}  // namespace

std::vector<TableFiller> neighbour_fillers() {
  return {
      {Table::kWorkTimeEntries,
       "entry_id, booking_id, worker_id, state, started_at, ended_at, total_seconds",
       fill_time_entry,
       {Table::kBookings, Table::kWorkers}},
      {Table::kReasonLogs,
       "reason_id, order_id, time_entry_id, kind, code, note, created_at",
       fill_reason_log,
       {Table::kBookings, Table::kWorkTimeEntries}},
      {Table::kPolicyOverrideAudits,
       "audit_id, booking_id, override_type, actor, reason, old_value, new_value, created_at",
       fill_policy_override,
       {Table::kBookings}},
      {Table::kNpsResponses,
       "id, order_id, client_id, score, comment, created_at",
       fill_nps_response,
       {Table::kBookings, Table::kClientUsers}},
      {Table::kSupportTickets,
       "id, order_id, client_id, status, priority, subject, body, created_at, updated_at",
       fill_support_ticket,
       {Table::kBookings, Table::kClientUsers}},
      {Table::kEventLogs,
       "event_id, booking_id, event_type, payload, occurred_at",
       fill_event_log,
       {Table::kBookings}},
      {Table::kExportEvents,
       "event_id, lead_id, mode, target_host, attempts, last_error, created_at",
       fill_export_event,
       {Table::kLeads}},
      {Table::kJobHeartbeats, "name, runner_id, last_heartbeat", fill_heartbeat, {}},
      {Table::kAlembicVersion, "version_num", fill_version, {}},
  };
}

}  // namespace pgbackfill::tools
