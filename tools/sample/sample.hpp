#pragma once

#include "tools/sample/random.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

/// Tables in the order in which they are filled: what a table refers to comes before it.
enum class Table : std::uint8_t {
  kOrganizations,
  kOrganizationBilling,
  kOrganizationUsageEvents,
  kUsers,
  kMemberships,
  kApiTokens,
  kTeams,
  kWorkers,
  kTeamBlackouts,
  kTeamWorkingHours,
  kClientUsers,
  kLeads,
  kSubscriptions,
  kSubscriptionAddons,
  kChatSessions,
  kAddonDefinitions,
  kBookings,
  kReferralCredits,
  kOrderAddons,
  kOrderPhotos,
  kDisputes,
  kFinancialAdjustmentEvents,
  kChecklistTemplates,
  kChecklistTemplateItems,
  kChecklistRuns,
  kChecklistRunItems,
  kInvoiceNumberSequences,
  kInvoices,
  kInvoiceItems,
  kInvoicePayments,
  kInvoicePublicTokens,
  kStripeEvents,
  kDocumentTemplates,
  kDocuments,
  kEmailEvents,
  kAdminAuditLogs,
  kWorkTimeEntries,
  kReasonLogs,
  kPolicyOverrideAudits,
  kNpsResponses,
  kSupportTickets,
  kEventLogs,
  kExportEvents,
  kJobHeartbeats,
  kAlembicVersion,
};
inline constexpr std::size_t kTableCount = static_cast<std::size_t>(Table::kAlembicVersion) + 1;

std::string_view table_name(Table table);
std::optional<Table> find_table(std::string_view name);

inline constexpr std::uint32_t kTeamsPerOrganization = 3;
inline constexpr std::uint32_t kItemsPerTemplate = 8;

/// What decides the contents of a sample: two equal sets of options give equal rows.
struct SampleOptions {
  /// 1 is about 200 000 rows over all tables. Tables of templates and teams keep their size.
  double scale = 1;
  std::uint64_t seed = 1;
  /// 1 to 99: the last two digits of their ids.
  std::uint32_t organizations = 20;
  /// Rows of each of the nine large tables; 0: as the scale says.
  std::uint32_t large_rows = 0;
};

/// Text of a uuid.
using Key = std::array<char, 36>;

using Row = std::uint32_t;  ///< counted from 0 within its table

struct SubscriptionLinks {
  std::uint32_t group = 0;
  Row client = 0;
};

struct BookingLinks {
  std::uint32_t group = 0;
  std::optional<Row> team, worker, client, lead, subscription;
};

struct ChecklistRunLinks {
  Row booking = 0;
  Row checklist_template = 0;
};

struct InvoiceLinks {
  std::optional<Row> booking, lead;
};

/// Where every row of the sample stands: how many there are and which others each refers to, all
/// computed from the row's number, so nothing is remembered whatever the size.
///
/// Rows come in groups: one per organization, and a last one for what belongs to none (bookings
/// without a team, and all that hangs on them). A row refers to rows of its own group only.
/// Thread-safe: constant after construction.
class Sample {
 public:
  /// Throws std::invalid_argument when a table would exceed the range of its integer key.
  explicit Sample(const SampleOptions& options);

  Row rows(Table table) const noexcept { return rows_[static_cast<std::size_t>(table)]; }
  std::uint32_t organizations() const noexcept { return organizations_; }
  std::uint32_t groups() const noexcept { return organizations_ + 1; }

  /// Draws for the payload of a row.
  Random random(Table table, Row row) const noexcept { return stream(table, row, 0); }
  /// The row's key, in the form of a version 4 uuid.
  Key key(Table table, Row row) const noexcept;
  /// Microseconds since 2000-01-01 UTC; grows with the row number over 900 days.
  std::int64_t created_at(Table table, Row row) const noexcept;
  /// The row of `parent` that stands about where `row` stands in `child`, as rows that are
  /// written together do.
  Row nearby(Table child, Row row, Table parent) const noexcept;

  SubscriptionLinks subscription(Row row) const noexcept;
  BookingLinks booking(Row row) const noexcept;
  ChecklistRunLinks checklist_run(Row row) const noexcept;
  InvoiceLinks invoice(Row row) const noexcept;
  Row addon_of_group(std::uint32_t group, Random& random) const noexcept;
  /// First booking at or after `start` (wrapping round) that has a lead and, where asked for,
  /// belongs to `group`. There always is one for the group of a booking with a lead.
  Row booking_with_lead(Row start, std::optional<std::uint32_t> group) const noexcept;

 private:
  Random stream(Table table, Row row, std::uint64_t salt) const noexcept;
  /// A random row of the group; nullopt when the table has none.
  std::optional<Row> member(Table table, std::uint32_t group, Random& random) const noexcept;

  std::uint64_t seed_;
  std::uint32_t organizations_;
  std::array<Row, kTableCount> rows_{};
};

}  // namespace pgbackfill::tools
