#include "tools/sample/tables.hpp"
#include "tools/sample/words.hpp"

namespace pgbackfill::tools {
namespace {

void fill_addon_definition(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kNames{"Oven"sv, "Fridge"sv, "Windows"sv, "Balcony"sv, "Laundry"sv};
  Random random = sample.random(Table::kAddonDefinitions, row);
  const std::int64_t created = sample.created_at(Table::kAddonDefinitions, row);
  out.number(row);
  out.format("ADDON-{:03}", row + 1);
  out.text(random.pick(kNames));
  out.text("Done by the same crew after the main service.");
  out.integer(random.between(15, 90));
  out.integer(random.between(1'000, 9'000));
  out.boolean(true);
  out.timestamp(created);
  out.timestamp(created);
}

void fill_booking(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kStatuses{"PENDING"sv, "CONFIRMED"sv, "DONE"sv, "DONE"sv, "CANCELLED"sv};
  constexpr std::array kReasons{"new_client"sv, "short_notice"sv, "large_area"sv};
  Random random = sample.random(Table::kBookings, row);
  const BookingLinks links = sample.booking(row);
  const std::int64_t created = sample.created_at(Table::kBookings, row);
  const int minutes = 30 * random.between(2, 12);
  const bool deposit = random.chance(35);
  const int risk = random.between(0, 80);
  out.key(Table::kBookings, row);
  out.key(Table::kClientUsers, links.client);
  out.key(Table::kLeads, links.lead);
  out.key(Table::kSubscriptions, links.subscription);
  out.number(links.team);
  out.number(links.worker);
  out.text(random.pick(kStatuses));
  out.text(random.pick(kServices));
  out.timestamp(created + random.between(1, 45) * RowWriter::kDay);
  out.integer(minutes);
  if (random.chance(60)) {
    out.integer(minutes + random.between(-20, 40));
  } else {
    out.null();
  }
  out.boolean(deposit);
  if (deposit) {
    out.integer(random.between(2'000, 15'000));
  } else {
    out.null();
  }
  out.integer(minutes * random.between(60, 110));
  out.integer(risk);
  if (risk > 30) {
    out.json(R"(["{}"])", random.pick(kReasons));
  } else {
    out.json("[]");
  }
  out.json(R"({{"cancel_hours": {}, "deposit_percent": {}, "version": 3}})",
           12 * random.between(1, 4), deposit ? 25 : 0);
  out.timestamp(created);
  out.timestamp(created + random.between(0, 600) * (RowWriter::kHour / 60));
}

void fill_referral_credit(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kReferralCredits, row);
  const Row bookings = sample.rows(Table::kBookings);
  const Row start = sample.nearby(Table::kReferralCredits, row, Table::kBookings);
  const Row referrer = sample.booking_with_lead(start, std::nullopt);
  const BookingLinks links = sample.booking(referrer);
  const Row referred = sample.booking_with_lead((referrer + 1) % bookings, links.group);
  out.key(Table::kReferralCredits, row);
  out.key(Table::kLeads, links.lead);
  out.key(Table::kLeads, sample.booking(referred).lead);
  out.format("R{:09X}", links.lead.value_or(0) + 1);
  out.integer(500 * random.between(2, 8));
  out.text(random.chance(70) ? "granted" : "pending");
  out.timestamp(sample.created_at(Table::kReferralCredits, row));
}

void fill_order_addon(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kOrderAddons, row);
  const Row booking = sample.nearby(Table::kOrderAddons, row, Table::kBookings);
  out.number(row);
  out.key(Table::kBookings, booking);
  out.number(sample.addon_of_group(sample.booking(booking).group, random));
  out.integer(random.between(1, 3));
  out.integer(random.between(1'000, 9'000));
  out.integer(random.between(15, 90));
  out.timestamp(sample.created_at(Table::kOrderAddons, row));
}

void fill_order_photo(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kOrderPhotos, row);
  const Row booking = sample.nearby(Table::kOrderPhotos, row, Table::kBookings);
  const Key order = sample.key(Table::kBookings, booking);
  const bool before = random.chance(50);
  out.key(Table::kOrderPhotos, row);
  out.key(Table::kBookings, booking);
  out.text(before ? "BEFORE" : "AFTER");
  out.format("orders/{}/{:08x}.jpg", std::string_view(order.data(), order.size()), row);
  out.text("image/jpeg");
  out.integer(random.between(80'000, 6'000'000));
  out.digest(random);
  out.format("worker{}@crew.example", random.below(sample.rows(Table::kWorkers)) + 1);
  out.timestamp(sample.created_at(Table::kOrderPhotos, row));
}

void fill_dispute(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kDisputes, row);
  const std::int64_t opened = sample.created_at(Table::kDisputes, row);
  const bool closed = random.chance(70);
  out.key(Table::kDisputes, row);
  out.key(Table::kBookings, sample.nearby(Table::kDisputes, row, Table::kBookings));
  out.text(closed ? "CLOSED" : "OPEN");
  out.text(random.pick(std::array{"Missed rooms"sv, "Damaged item"sv, "Late arrival"sv}));
  out.json(R"({{"photos": {}, "checklist_complete": {}}})", random.between(0, 6), closed);
  if (closed) {
    out.integer(100 * random.between(0, 90));
  } else {
    out.null();
  }
  out.timestamp(opened);
  if (closed) {
    out.timestamp(opened + 5 * RowWriter::kDay);
  } else {
    out.null();
  }
}

void fill_adjustment(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kFinancialAdjustmentEvents, row);
  const int total = random.between(10'000, 60'000);
  const int refund = random.between(500, 9'000);
  std::optional<Row> dispute;
  Row booking = sample.nearby(Table::kFinancialAdjustmentEvents, row, Table::kBookings);
  if (random.chance(70)) {
    dispute = sample.nearby(Table::kFinancialAdjustmentEvents, row, Table::kDisputes);
    booking = sample.nearby(Table::kDisputes, *dispute, Table::kBookings);
  }
  out.key(Table::kFinancialAdjustmentEvents, row);
  out.key(Table::kBookings, booking);
  out.key(Table::kDisputes, dispute);
  out.integer(-refund);
  out.text(dispute ? "Dispute settled" : "Goodwill");
  out.json(R"({{"total_cents": {}}})", total);
  out.json(R"({{"total_cents": {}}})", total - refund);
  out.timestamp(sample.created_at(Table::kFinancialAdjustmentEvents, row));
}

}  // namespace

std::vector<TableFiller> booking_fillers() {
  return {
      {Table::kAddonDefinitions,
       "addon_id, code, name, description, default_minutes, price_cents, is_active, created_at, "
       "updated_at",
       fill_addon_definition,
       {}},
      {Table::kBookings,
       "booking_id, client_id, lead_id, subscription_id, team_id, assigned_worker_id, status, "
       "service_type, starts_at, duration_minutes, actual_duration_minutes, deposit_required, "
       "deposit_cents, total_cents, risk_score, risk_reasons, policy_snapshot, created_at, "
       "updated_at",
       fill_booking,
       {Table::kClientUsers, Table::kLeads, Table::kSubscriptions, Table::kTeams, Table::kWorkers}},
      {Table::kReferralCredits,
       "credit_id, referrer_lead_id, referred_lead_id, applied_code, credit_cents, status, "
       "created_at",
       fill_referral_credit,
       {Table::kLeads}},
      {Table::kOrderAddons,
       "order_addon_id, order_id, addon_id, quantity, unit_price_cents, minutes, created_at",
       fill_order_addon,
       {Table::kBookings, Table::kAddonDefinitions}},
      {Table::kOrderPhotos,
       "photo_id, order_id, phase, storage_key, content_type, size_bytes, sha256, uploaded_by, "
       "created_at",
       fill_order_photo,
       {Table::kBookings}},
      {Table::kDisputes,
       "dispute_id, booking_id, state, reason, facts, decision_cents, opened_at, closed_at",
       fill_dispute,
       {Table::kBookings}},
      {Table::kFinancialAdjustmentEvents,
       "event_id, booking_id, dispute_id, amount_cents, reason, totals_before, totals_after, "
       "created_at",
       fill_adjustment,
       {Table::kBookings, Table::kDisputes}},
  };
}

}  // namespace pgbackfill::tools
