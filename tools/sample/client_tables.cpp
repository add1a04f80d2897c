#include "tools/sample/tables.hpp"
#include "tools/sample/words.hpp"

namespace pgbackfill::tools {
namespace {

void fill_client(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kClientUsers, row);
  const std::int64_t created = sample.created_at(Table::kClientUsers, row);
  const std::string_view first = random.pick(kFirstNames);
  const std::string_view last = random.pick(kLastNames);
  const int house = random.between(1, 240);
  out.key(Table::kClientUsers, row);
  out.format("client{}@mail.example", row + 1);
  out.format("{} {}", first, last);
  out.format("+1556{:07}", random.below(10'000'000));
  out.format("{} {}", house, random.pick(kStreets));
  if (random.chance(25)) {
    out.text("Prefers mornings; the side door sticks.");
  } else {
    out.null();
  }
  out.boolean(!random.chance(4));
  if (random.chance(60)) {
    out.timestamp(created + random.between(1, 100) * RowWriter::kDay);
  } else {
    out.null();
  }
  out.timestamp(created);
  out.timestamp(created);
}

void fill_lead(const Sample& sample, Row row, RowWriter& out) {
  constexpr std::array kStatuses{"NEW"sv, "CONTACTED"sv, "BOOKED"sv, "DONE"sv, "CANCELLED"sv};
  Random random = sample.random(Table::kLeads, row);
  const std::int64_t created = sample.created_at(Table::kLeads, row);
  const std::string_view first = random.pick(kFirstNames);
  const std::string_view last = random.pick(kLastNames);
  const int house = random.between(1, 240);
  const int beds = random.between(1, 5);
  const int price = random.between(9'000, 60'000);
  out.key(Table::kLeads, row);
  out.format("{} {}", first, last);
  out.format("+1557{:07}", random.below(10'000'000));
  if (random.chance(85)) {
    out.format("lead{}@mail.example", row + 1);
  } else {
    out.null();
  }
  out.format("{:05}", random.below(100'000));
  out.format("{} {}", house, random.pick(kStreets));
  out.json(R"({{"beds": {}, "baths": {}, "service": "{}"}})", beds, (beds + 1) / 2,
           random.pick(kServices));
  out.json(R"({{"total_cents": {}, "minutes": {}, "crew": 2}})", price, 60 + beds * 45);
  out.text(random.pick(kStatuses));
  if (random.chance(40)) {
    out.text(random.pick(std::array{"search"sv, "newsletter"sv, "partner"sv}));
  } else {
    out.null();
  }
  out.format("R{:09X}", row + 1);
  out.timestamp(created);
  out.timestamp(created);
}

void fill_subscription(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kSubscriptions, row);
  const std::int64_t created = sample.created_at(Table::kSubscriptions, row);
  const bool active = random.chance(75);
  out.key(Table::kSubscriptions, row);
  out.key(Table::kClientUsers, sample.subscription(row).client);
  out.text(active ? "active" : "paused");
  out.text(random.pick(std::array{"weekly"sv, "biweekly"sv, "monthly"sv}));
  out.date(created);
  if (active) {
    out.timestamp(created + 14 * RowWriter::kDay);
  } else {
    out.null();
  }
  out.integer(random.between(0, 6));
  out.text(random.pick(kServices));
  out.integer(random.between(8'000, 40'000));
  out.timestamp(created);
  out.timestamp(created);
}

void fill_subscription_addon(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kSubscriptionAddons, row);
  out.number(row);
  out.key(Table::kSubscriptions,
          sample.nearby(Table::kSubscriptionAddons, row, Table::kSubscriptions));
  out.text(random.pick(std::array{"oven"sv, "fridge"sv, "windows"sv, "balcony"sv}));
  out.integer(random.between(1'000, 6'000));
  out.timestamp(sample.created_at(Table::kSubscriptionAddons, row));
}

void fill_chat_session(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kChatSessions, row);
  const std::int64_t created = sample.created_at(Table::kChatSessions, row);
  const int turns = random.between(1, 24);
  out.key(Table::kChatSessions, row);
  out.text("main");
  out.text(random.chance(80) ? "closed" : "open");
  out.json(R"({{"turns": {}, "intent": "quote", "service": "{}"}})", turns, random.pick(kServices));
  out.timestamp(created);
  out.timestamp(created + turns * RowWriter::kHour / 60);
}

}  // namespace

std::vector<TableFiller> client_fillers() {
  return {
      {Table::kClientUsers,
       "client_id, email, name, phone, address, notes, is_active, last_login_at, created_at, "
       "updated_at",
       fill_client,
       {}},
      {Table::kLeads,
       "lead_id, name, phone, email, postal_code, address, structured_inputs, estimate_snapshot, "
       "status, utm_source, referral_code, created_at, updated_at",
       fill_lead,
       {}},
      {Table::kSubscriptions,
       "subscription_id, client_id, status, frequency, start_date, next_run_at, "
       "preferred_weekday, base_service_type, base_price_cents, created_at, updated_at",
       fill_subscription,
       {Table::kClientUsers}},
      {Table::kSubscriptionAddons,
       "subscription_addon_id, subscription_id, addon_code, price_cents, created_at",
       fill_subscription_addon,
       {Table::kSubscriptions}},
      {Table::kChatSessions,
       "session_id, brand, status, state, created_at, updated_at",
       fill_chat_session,
       {}},
  };
}

}  // namespace pgbackfill::tools
