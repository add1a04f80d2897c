#include "tools/sample/tables.hpp"
#include "tools/sample/words.hpp"

namespace pgbackfill::tools {
namespace {

void fill_number_sequence(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kInvoiceNumberSequences, row);
  out.number(row);
  out.integer(2020 + static_cast<int>(row));
  out.integer(random.between(100, 90'000));
  out.timestamp(sample.created_at(Table::kInvoiceNumberSequences, row));
}

void fill_invoice(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kStatuses{"PAID"sv, "PAID"sv, "PAID"sv, "SENT"sv, "DRAFT"sv, "VOID"sv};
  Random random = sample.random(Table::kInvoices, row);
  const InvoiceLinks links = sample.invoice(row);
  const std::int64_t created = sample.created_at(Table::kInvoices, row);
  const int subtotal = random.between(8'000, 70'000);
  const int tax = subtotal * 13 / 100;
  out.key(Table::kInvoices, row);
  out.format("INV-{:09}", row + 1);
  out.key(Table::kBookings, links.booking);
  out.key(Table::kLeads, links.lead);
  out.text(random.pick(kStatuses));
  out.date(created);
  out.date(created + 14 * RowWriter::kDay);
  out.text("CAD");
  out.integer(subtotal);
  out.integer(tax);
  out.integer(subtotal + tax);
  if (random.chance(10)) {
    out.text("Please quote the invoice number with the transfer.");
  } else {
    out.null();
  }
  out.timestamp(created);
  out.timestamp(created);
}

void fill_item(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kLines{"Service"sv, "Supplies"sv, "Travel"sv, "Add-on"sv};
  Random random = sample.random(Table::kInvoiceItems, row);
  const std::string_view line = random.pick(kLines);
  const int quantity = random.between(1, 4);
  const int price = random.between(900, 24'000);
  out.number(row);
  out.key(Table::kInvoices, sample.nearby(Table::kInvoiceItems, row, Table::kInvoices));
  out.format("{}: {}", line, random.pick(kServices));
  out.integer(quantity);
  out.integer(price);
  out.integer(quantity * price);
  if (random.chance(90)) {
    out.integer(1'300);
  } else {
    out.null();
  }
}

void fill_payment(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kInvoicePayments, row);
  const Row invoice = sample.nearby(Table::kInvoicePayments, row, Table::kInvoices);
  const std::int64_t created = sample.created_at(Table::kInvoicePayments, row);
  const bool card = random.chance(70);
  const bool succeeded = random.chance(92);
  out.key(Table::kInvoicePayments, row);
  out.key(Table::kInvoices, invoice);
  // A payment's organization is its invoice's: its booking is that invoice's, or none.
  out.key(Table::kBookings, random.chance(80) ? sample.invoice(invoice).booking : std::nullopt);
  out.text(card ? "stripe" : "manual");
  if (card) {
    out.format("pi_{:016x}", random.next());
  } else {
    out.null();
  }
  out.text(card ? "card" : "transfer");
  out.integer(random.between(4'000, 80'000));
  out.text("CAD");
  out.text(succeeded ? "SUCCEEDED" : "FAILED");
  if (succeeded) {
    out.timestamp(created + RowWriter::kHour);
  } else {
    out.null();
  }
  out.timestamp(created);
}

void fill_public_token(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kInvoicePublicTokens, row);
  const std::int64_t created = sample.created_at(Table::kInvoicePublicTokens, row);
  out.number(row);
  out.key(Table::kInvoices, sample.nearby(Table::kInvoicePublicTokens, row, Table::kInvoices));
  out.digest(random);
  out.timestamp(created);
  if (random.chance(10)) {
    out.timestamp(created + 20 * RowWriter::kDay);
  } else {
    out.null();
  }
}

void fill_stripe_event(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kTypes{"payment_intent.succeeded"sv, "charge.refunded"sv,
                              "checkout.session.completed"sv, "invoice.paid"sv};
  Random random = sample.random(Table::kStripeEvents, row);
  const std::int64_t created = sample.created_at(Table::kStripeEvents, row);
  const bool failed = random.chance(3);
  out.format("evt_{:08x}{:016x}", row, random.next());
  out.text(random.pick(kTypes));
  out.text(failed ? "error" : "succeeded");
  out.digest(random);
  if (failed) {
    out.text("no booking with this payment intent");
  } else {
    out.null();
  }
  out.timestamp(created + 2'000'000);
  out.timestamp(created);
}

}  // namespace

std::vector<TableFiller> invoice_fillers() {
  return {
      {Table::kInvoiceNumberSequences,
       "sequence_id, year, last_number, updated_at",
       fill_number_sequence,
       {}},
      {Table::kInvoices,
       "invoice_id, invoice_number, order_id, customer_id, status, issue_date, due_date, "
       "currency, subtotal_cents, tax_cents, total_cents, notes, created_at, updated_at",
       fill_invoice,
       {Table::kBookings, Table::kLeads}},
      {Table::kInvoiceItems,
       "item_id, invoice_id, description, quantity, unit_price_cents, line_total_cents, "
       "tax_basis_points",
       fill_item,
       {Table::kInvoices}},
      {Table::kInvoicePayments,
       "payment_id, invoice_id, booking_id, provider, provider_ref, method, amount_cents, "
       "currency, status, received_at, created_at",
       fill_payment,
       {Table::kInvoices, Table::kBookings}},
      {Table::kInvoicePublicTokens,
       "token_id, invoice_id, token_hash, created_at, rotated_at",
       fill_public_token,
       {Table::kInvoices}},
      {Table::kStripeEvents,
       "event_id, event_type, status, payload_hash, last_error, processed_at, created_at",
       fill_stripe_event,
       {}},
  };
}

}  // namespace pgbackfill::tools
