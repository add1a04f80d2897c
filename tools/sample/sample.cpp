#include "tools/sample/sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace pgbackfill::tools {
namespace {

enum class Growth : std::uint8_t {
  kLarge,         ///< with the scale, or as many as the caller names
  kScaled,        ///< with the scale
  kFixed,         ///< always so many
  kOrganization,  ///< so many for each organization
  kGroup,         ///< so many for each group
};

struct Size {
  Table table;
  std::string_view name;
  Growth growth;
  std::uint32_t rows;
};

constexpr std::array<Size, kTableCount> kSizes{{
    {Table::kOrganizations, "organizations", Growth::kOrganization, 1},
    {Table::kOrganizationBilling, "organization_billing", Growth::kOrganization, 1},
    {Table::kOrganizationUsageEvents, "organization_usage_events", Growth::kScaled, 400},
    {Table::kUsers, "users", Growth::kScaled, 400},
    {Table::kMemberships, "memberships", Growth::kScaled, 400},
    {Table::kApiTokens, "api_tokens", Growth::kOrganization, 2},
    {Table::kTeams, "teams", Growth::kOrganization, kTeamsPerOrganization},
    {Table::kWorkers, "workers", Growth::kOrganization, 4 * kTeamsPerOrganization},
    {Table::kTeamBlackouts, "team_blackouts", Growth::kOrganization, 2 * kTeamsPerOrganization},
    {Table::kTeamWorkingHours, "team_working_hours", Growth::kOrganization,
     7 * kTeamsPerOrganization},
    {Table::kClientUsers, "client_users", Growth::kScaled, 3'000},
    {Table::kLeads, "leads", Growth::kLarge, 8'000},
    {Table::kSubscriptions, "subscriptions", Growth::kScaled, 600},
    {Table::kSubscriptionAddons, "subscription_addons", Growth::kScaled, 700},
    {Table::kChatSessions, "chat_sessions", Growth::kScaled, 800},
    {Table::kAddonDefinitions, "addon_definitions", Growth::kGroup, 2},
    {Table::kBookings, "bookings", Growth::kLarge, 16'000},
    {Table::kReferralCredits, "referral_credits", Growth::kScaled, 200},
    {Table::kOrderAddons, "order_addons", Growth::kScaled, 3'000},
    {Table::kOrderPhotos, "order_photos", Growth::kLarge, 14'000},
    {Table::kDisputes, "disputes", Growth::kScaled, 160},
    {Table::kFinancialAdjustmentEvents, "financial_adjustment_events", Growth::kScaled, 240},
    {Table::kChecklistTemplates, "checklist_templates", Growth::kGroup, 2},
    {Table::kChecklistTemplateItems, "checklist_template_items", Growth::kGroup,
     2 * kItemsPerTemplate},
    {Table::kChecklistRuns, "checklist_runs", Growth::kScaled, 3'500},
    {Table::kChecklistRunItems, "checklist_run_items", Growth::kLarge, 26'000},
    {Table::kInvoiceNumberSequences, "invoice_number_sequences", Growth::kFixed, 6},
    {Table::kInvoices, "invoices", Growth::kLarge, 11'000},
    {Table::kInvoiceItems, "invoice_items", Growth::kLarge, 22'000},
    {Table::kInvoicePayments, "invoice_payments", Growth::kLarge, 9'500},
    {Table::kInvoicePublicTokens, "invoice_public_tokens", Growth::kScaled, 2'000},
    {Table::kStripeEvents, "stripe_events", Growth::kScaled, 1'600},
    {Table::kDocumentTemplates, "document_templates", Growth::kFixed, 12},
    {Table::kDocuments, "documents", Growth::kScaled, 1'800},
    {Table::kEmailEvents, "email_events", Growth::kLarge, 40'000},
    {Table::kAdminAuditLogs, "admin_audit_logs", Growth::kLarge, 32'000},
    {Table::kWorkTimeEntries, "work_time_entries", Growth::kScaled, 900},
    {Table::kReasonLogs, "reason_logs", Growth::kScaled, 300},
    {Table::kPolicyOverrideAudits, "policy_override_audits", Growth::kScaled, 80},
    {Table::kNpsResponses, "nps_responses", Growth::kScaled, 300},
    {Table::kSupportTickets, "support_tickets", Growth::kScaled, 250},
    {Table::kEventLogs, "event_logs", Growth::kScaled, 1'200},
    {Table::kExportEvents, "export_events", Growth::kScaled, 200},
    {Table::kJobHeartbeats, "job_heartbeats", Growth::kFixed, 12},
    {Table::kAlembicVersion, "alembic_version", Growth::kFixed, 1},
}};

constexpr bool in_table_order() {
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (static_cast<std::size_t>(kSizes[i].table) != i) return false;
  }
  return true;
}
static_assert(in_table_order());

constexpr std::uint64_t kLinkSalt = 1;
constexpr std::uint64_t kKeySalt = 2;
constexpr std::uint64_t kNearbySalt = 3;

/// 2023-01-01, in seconds since 2000-01-01.
constexpr std::int64_t kFirstSecond = 8'401LL * 86'400;
constexpr std::int64_t kSpanSeconds = 900LL * 86'400;

Row count_rows(const Size& size, const SampleOptions& options) {
  const std::uint32_t groups = options.organizations + 1;
  switch (size.growth) {
    case Growth::kFixed:
      return size.rows;
    case Growth::kOrganization:
      return size.rows * options.organizations;
    case Growth::kGroup:
      return size.rows * groups;
    case Growth::kLarge:
    case Growth::kScaled:
      break;
  }
  const bool named = size.growth == Growth::kLarge && options.large_rows > 0;
  const double wanted = named ? options.large_rows : std::ceil(size.rows * options.scale);
  if (wanted > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument(fmt::format(
        "table {} would have {:.0f} rows, more than its keys can number; use a smaller scale",
        size.name, wanted));
  }
  // Every group needs rows of its own to refer to.
  return std::max(static_cast<Row>(wanted), 2 * groups);
}

}  // namespace

std::string_view table_name(Table table) { return kSizes[static_cast<std::size_t>(table)].name; }

std::optional<Table> find_table(std::string_view name) {
  const auto* const found = std::find_if(kSizes.begin(), kSizes.end(),
                                         [&](const Size& size) { return size.name == name; });
  if (found == kSizes.end()) return std::nullopt;
  return found->table;
}

Sample::Sample(const SampleOptions& options)
    : seed_(mix(options.seed + 1)), organizations_(options.organizations) {
  for (std::size_t i = 0; i < kSizes.size(); ++i) rows_[i] = count_rows(kSizes[i], options);
}

Random Sample::stream(Table table, Row row, std::uint64_t salt) const noexcept {
  const auto place = (static_cast<std::uint64_t>(table) << 40U) | (salt << 36U) | row;
  return Random(mix(seed_ ^ mix(place + 1)));
}

Key Sample::key(Table table, Row row) const noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Random random = stream(table, row, kKeySalt);
  std::uint64_t bits[] = {random.next(), random.next()};
  bits[0] = (bits[0] & ~0xF000ULL) | 0x4000ULL;
  bits[1] = (bits[1] & ~(3ULL << 62U)) | (2ULL << 62U);
  Key text;
  std::size_t at = 0;
  for (const std::uint64_t half : bits) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      if (at == 8 || at == 13 || at == 18 || at == 23) text[at++] = '-';
      text[at++] = kDigits[(half >> static_cast<unsigned>(shift)) & 0xFU];
    }
  }
  return text;
}

std::int64_t Sample::created_at(Table table, Row row) const noexcept {
  constexpr std::int64_t kJitter = 3'600LL * 1'000'000;
  Random random = stream(table, row, kNearbySalt);
  const std::int64_t second = kFirstSecond + kSpanSeconds * row / rows(table);
  return second * 1'000'000 + static_cast<std::int64_t>(random.next() % kJitter);
}

Row Sample::nearby(Table child, Row row, Table parent) const noexcept {
  constexpr std::uint32_t kSpread = 64;
  const std::uint64_t size = rows(parent);
  Random random = stream(child, row, kNearbySalt);
  random.next();  // the first draw is created_at's
  const std::uint64_t same_place = row * size / rows(child);
  const auto spread = static_cast<std::uint32_t>(std::min<std::uint64_t>(size, kSpread));
  return static_cast<Row>((same_place + random.below(spread)) % size);
}

std::optional<Row> Sample::member(Table table, std::uint32_t group, Random& random) const noexcept {
  const std::uint32_t draw_of = rows(table) / groups() + (group < rows(table) % groups() ? 1 : 0);
  if (draw_of == 0) return std::nullopt;
  return group + groups() * random.below(draw_of);
}

SubscriptionLinks Sample::subscription(Row row) const noexcept {
  Random random = stream(Table::kSubscriptions, row, kLinkSalt);
  SubscriptionLinks links;
  links.group = row % groups();
  links.client = member(Table::kClientUsers, links.group, random).value_or(0);
  return links;
}

BookingLinks Sample::booking(Row row) const noexcept {
  Random random = stream(Table::kBookings, row, kLinkSalt);
  const Row teams = rows(Table::kTeams);
  BookingLinks links;
  links.group = organizations_;
  const bool has_team = !random.chance(1);
  // Squaring a uniform draw makes the first teams the busy ones.
  const std::uint64_t draw = random.below(1U << 16U);
  const auto team = static_cast<Row>((draw * draw * teams) >> 32U);
  const std::uint32_t crew = random.below(rows(Table::kWorkers) / teams);
  const bool assigned = random.chance(80);
  if (has_team) {
    links.team = team;
    links.group = team / kTeamsPerOrganization;
    if (assigned) links.worker = team + teams * crew;
  }
  if (random.chance(15)) {
    links.subscription = member(Table::kSubscriptions, links.group, random);
  } else if (random.chance(70)) {
    links.client = member(Table::kClientUsers, links.group, random);
  }
  // A subscription's client is known to have an organization only by the bookings that name both.
  if (links.subscription) links.client = subscription(*links.subscription).client;
  if (random.chance(70) || row == 0) links.lead = member(Table::kLeads, links.group, random);
  return links;
}

ChecklistRunLinks Sample::checklist_run(Row row) const noexcept {
  Random random = stream(Table::kChecklistRuns, row, kLinkSalt);
  ChecklistRunLinks links;
  links.booking = nearby(Table::kChecklistRuns, row, Table::kBookings);
  links.checklist_template =
      member(Table::kChecklistTemplates, booking(links.booking).group, random).value_or(0);
  return links;
}

InvoiceLinks Sample::invoice(Row row) const noexcept {
  Random random = stream(Table::kInvoices, row, kLinkSalt);
  InvoiceLinks links;
  if (random.chance(2)) return links;
  links.booking = nearby(Table::kInvoices, row, Table::kBookings);
  if (random.chance(90)) links.lead = booking(*links.booking).lead;
  return links;
}

Row Sample::addon_of_group(std::uint32_t group, Random& random) const noexcept {
  return member(Table::kAddonDefinitions, group, random).value_or(0);
}

Row Sample::booking_with_lead(Row start, std::optional<std::uint32_t> group) const noexcept {
  const Row count = rows(Table::kBookings);
  for (Row step = 0; step < count; ++step) {
    const auto row = static_cast<Row>((std::uint64_t{start} + step) % count);
    const BookingLinks links = booking(row);
    if (links.lead && (!group || links.group == *group)) return row;
  }
  return 0;
}

}  // namespace pgbackfill::tools
