#include "tools/sample/tables.hpp"
#include "tools/sample/words.hpp"

namespace pgbackfill::tools {
namespace {

constexpr std::array kMembershipRoles{"owner"sv,   "admin"sv,  "dispatcher"sv,
                                      "finance"sv, "viewer"sv, "worker"sv};

void fill_organization(const Sample& sample, Row row, RowWriter& out) {
  const std::int64_t created = sample.created_at(Table::kOrganizations, row);
  out.organization(row);
  out.format("Organization {:02}", row + 1);
  out.format("organization-{:02}", row + 1);
  out.timestamp(created);
  out.timestamp(created);
}

void fill_billing(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kOrganizationBilling, row);
  const std::int64_t created = sample.created_at(Table::kOrganizationBilling, row);
  out.organization(row);
  out.text(random.pick(std::array{"starter"sv, "pro"sv, "business"sv}));
  out.text("active");
  out.format("cus_{:014x}", random.next() >> 8U);
  out.format("sub_{:014x}", random.next() >> 8U);
  out.timestamp(created + 30 * RowWriter::kDay);
  out.timestamp(created);
  out.timestamp(created);
}

void fill_usage_event(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kOrganizationUsageEvents, row);
  out.key(Table::kOrganizationUsageEvents, row);
  out.organization(row % sample.organizations());
  out.text(random.pick(std::array{"worker_created"sv, "booking_created"sv, "storage_bytes"sv}));
  out.integer(random.between(1, 50));
  out.format("res-{}", random.below(100'000));
  out.timestamp(sample.created_at(Table::kOrganizationUsageEvents, row));
}

void fill_user(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kUsers, row);
  const std::int64_t created = sample.created_at(Table::kUsers, row);
  const std::string_view first = random.pick(kFirstNames);
  const std::string_view last = random.pick(kLastNames);
  const std::uint32_t role = random.below(100);
  out.key(Table::kUsers, row);
  out.format("user{}@backoffice.example", row + 1);
  out.format("{} {}", first, last);
  out.format("$argon2id$v=19$m=65536${:016x}", random.next());
  out.text(role < 84 ? "user" : role < 95 ? "manager" : "admin");
  out.boolean(!random.chance(5));
  if (random.chance(80)) {
    out.timestamp(created + random.between(1, 200) * RowWriter::kDay);
  } else {
    out.null();
  }
  out.timestamp(created);
  out.timestamp(created);
}

void fill_membership(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kMemberships, row);
  out.key(Table::kMemberships, row);
  out.organization(row % sample.organizations());
  out.key(Table::kUsers, row);
  out.text(row < sample.organizations() ? "owner"sv : random.pick(kMembershipRoles));
  out.boolean(!random.chance(5));
  out.timestamp(sample.created_at(Table::kMemberships, row));
}

void fill_api_token(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kApiTokens, row);
  const std::int64_t created = sample.created_at(Table::kApiTokens, row);
  out.key(Table::kApiTokens, row);
  out.organization(row % sample.organizations());
  out.key(Table::kUsers, sample.nearby(Table::kApiTokens, row, Table::kUsers));
  out.digest(random);
  out.text("viewer");
  out.text("reporting");
  out.timestamp(created);
  out.timestamp(created + 365 * RowWriter::kDay);
  out.null();
}

void fill_team(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kTeams, row);
  out.number(row);
  out.format("Team {:03}", row + 1);
  out.text(random.pick(std::array{"Europe/Lisbon"sv, "America/Toronto"sv, "Asia/Tokyo"sv}));
  out.json(R"({{"max_daily_orders": {}, "vehicle": {}}})", random.between(4, 12), row % 2 == 0);
  out.boolean(true);
  out.timestamp(sample.created_at(Table::kTeams, row));
}

void fill_worker(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kWorkers, row);
  const std::string_view first = random.pick(kFirstNames);
  const std::string_view last = random.pick(kLastNames);
  out.number(row);
  out.number(row % sample.rows(Table::kTeams));
  out.format("{} {}", first, last);
  out.format("+1555{:07}", row + 1);
  out.format("worker{}@crew.example", row + 1);
  out.text(random.pick(std::array{"Cleaner"sv, "Senior cleaner"sv, "Foreman"sv}));
  out.integer(random.between(1'800, 4'200));
  out.json(R"(["{}"])", random.pick(kServices));
  out.boolean(!random.chance(10));
  out.timestamp(sample.created_at(Table::kWorkers, row));
}

void fill_blackout(const Sample& sample, Row row, RowWriter& out) {
  Random random = sample.random(Table::kTeamBlackouts, row);
  const std::int64_t starts = sample.created_at(Table::kTeamBlackouts, row);
  out.number(row);
  out.number(row % sample.rows(Table::kTeams));
  out.timestamp(starts);
  out.timestamp(starts + random.between(4, 96) * RowWriter::kHour);
  out.text(random.pick(std::array{"Training"sv, "Vehicle service"sv, "Public holiday"sv}));
}

void fill_working_hours(const Sample&, Row row, RowWriter& out) {
  const int day = static_cast<int>(row % 7);
  out.number(row);
  out.number(row / 7);
  out.integer(day);
  out.hour_of_day(day < 5 ? 8 : 9);
  out.hour_of_day(day < 5 ? 18 : 14);
}

}  // namespace

std::vector<TableFiller> organization_fillers() {
  return {
      {Table::kOrganizations, "org_id, name, slug, created_at, updated_at", fill_organization, {}},
      {Table::kOrganizationBilling,
       "org_id, plan_id, status, stripe_customer_id, stripe_subscription_id, current_period_end, "
       "created_at, updated_at",
       fill_billing,
       {Table::kOrganizations}},
      {Table::kOrganizationUsageEvents,
       "event_id, org_id, metric, quantity, resource_id, created_at",
       fill_usage_event,
       {Table::kOrganizations}},
      {Table::kUsers,
       "user_id, email, full_name, password_hash, role, is_active, last_login_at, created_at, "
       "updated_at",
       fill_user,
       {}},
      {Table::kMemberships,
       "membership_id, org_id, user_id, role, is_active, created_at",
       fill_membership,
       {Table::kOrganizations, Table::kUsers}},
      {Table::kApiTokens,
       "token_id, org_id, user_id, token_hash, role, description, created_at, expires_at, "
       "revoked_at",
       fill_api_token,
       {Table::kOrganizations, Table::kUsers}},
      {Table::kTeams, "team_id, name, timezone, settings, is_active, created_at", fill_team, {}},
      {Table::kWorkers,
       "worker_id, team_id, name, phone, email, job_title, hourly_rate_cents, skills, is_active, "
       "created_at",
       fill_worker,
       {Table::kTeams}},
      {Table::kTeamBlackouts,
       "id, team_id, starts_at, ends_at, reason",
       fill_blackout,
       {Table::kTeams}},
      {Table::kTeamWorkingHours,
       "id, team_id, day_of_week, start_time, end_time",
       fill_working_hours,
       {Table::kTeams}},
  };
}

}  // namespace pgbackfill::tools
