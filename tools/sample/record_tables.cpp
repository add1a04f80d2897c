#include "tools/sample/tables.hpp"
#include "tools/sample/words.hpp"

namespace pgbackfill::tools {
namespace {

constexpr std::array kDocumentTypes{"invoice"sv, "receipt"sv, "service_report"sv};

std::string_view document_type(Row document_template) {
  return kDocumentTypes[document_template % kDocumentTypes.size()];
}

void fill_document_template(const Sample& sample, Row row, RowWriter& out) {
  out.number(row);
  out.text(document_type(row));
  out.format("Template {:02}", row + 1);
  out.integer(1 + static_cast<int>(row / kDocumentTypes.size()));
  out.json(R"({{"header": "Thank you", "blocks": ["summary", "lines", "totals"]}})");
  out.boolean(row + kDocumentTypes.size() >= sample.rows(Table::kDocumentTemplates));
  out.timestamp(sample.created_at(Table::kDocumentTemplates, row));
}

void fill_document(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kDocuments, row);
  const Row document_template = random.below(sample.rows(Table::kDocumentTemplates));
  out.key(Table::kDocuments, row);
  if (random.chance(90)) {
    out.number(document_template);
  } else {
    out.null();
  }
  out.text(document_type(document_template));
  out.key(Table::kBookings, sample.nearby(Table::kDocuments, row, Table::kBookings));
  out.json(R"({{"total_cents": {}, "lines": [{{"text": "Service", "quantity": 1}}]}})",
           random.between(8'000, 70'000));
  out.digest(random);
  out.timestamp(sample.created_at(Table::kDocuments, row));
}

void fill_email_event(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kTypes{"booking_confirmed"sv, "reminder_24h"sv, "nps_survey"sv};
  Random random = sample.random(Table::kEmailEvents, row);
  std::optional<Row> booking;
  std::optional<Row> invoice;
  const std::uint32_t about = random.below(100);
  if (about < 40) {
    // Mail about an invoice names the invoice's booking too, so both lead to one organization.
    invoice = sample.nearby(Table::kEmailEvents, row, Table::kInvoices);
    booking = sample.invoice(*invoice).booking;
  } else if (about < 97) {
    booking = sample.nearby(Table::kEmailEvents, row, Table::kBookings);
  }
  out.key(Table::kEmailEvents, row);
  out.key(Table::kBookings, booking);
  out.key(Table::kInvoices, invoice);
  out.text(invoice ? "invoice_sent"sv : booking ? random.pick(kTypes) : "newsletter"sv);
  out.format("client{}@mail.example", random.below(sample.rows(Table::kClientUsers)) + 1);
  out.text(invoice ? "Your invoice" : booking ? "Your appointment" : "News from the team");
  out.format("Hello {},\nthe details are in your account. Reply to this mail for help.",
             random.pick(kFirstNames));
  out.timestamp(sample.created_at(Table::kEmailEvents, row));
}

void fill_audit_log(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kActions{"booking.update"sv, "booking.cancel"sv, "invoice.send"sv,
                                "lead.status"sv};
  constexpr std::array kResources{"booking"sv, "booking"sv, "invoice"sv, "lead"sv};
  constexpr std::array kTables{Table::kBookings, Table::kBookings, Table::kInvoices, Table::kLeads};
  Random random = sample.random(Table::kAdminAuditLogs, row);
  const std::uint32_t kind = random.below(static_cast<std::uint32_t>(kActions.size()));
  out.key(Table::kAdminAuditLogs, row);
  out.format("user{}@backoffice.example", random.below(sample.rows(Table::kUsers)) + 1);
  out.text(kActions[kind]);
  out.text(kResources[kind]);
  out.key(kTables[kind], sample.nearby(Table::kAdminAuditLogs, row, kTables[kind]));
  if (random.chance(80)) {
    out.json(R"({{"status": "PENDING", "version": {}}})", random.between(1, 9));
  } else {
    out.null();
  }
  out.json(R"({{"status": "CONFIRMED", "note": "{}"}})", random.pick(kServices));
  out.timestamp(sample.created_at(Table::kAdminAuditLogs, row));
}

}  // namespace

std::vector<TableFiller> record_fillers() {
  return {
      {Table::kDocumentTemplates,
       "template_id, document_type, name, version, content, is_active, created_at",
       fill_document_template,
       {}},
      {Table::kDocuments,
       "document_id, template_id, document_type, reference_id, snapshot, sha256, created_at",
       fill_document,
       {Table::kDocumentTemplates}},
      {Table::kEmailEvents,
       "event_id, booking_id, invoice_id, email_type, recipient, subject, body, created_at",
       fill_email_event,
       {Table::kBookings, Table::kInvoices}},
      {Table::kAdminAuditLogs,
       "audit_id, actor, action, resource_type, resource_id, before, after, created_at",
       fill_audit_log,
       {}},
  };
}

}  // namespace pgbackfill::tools
