#include "tools/plan_page.hpp"

#include "tools/number_text.hpp"
#include "tools/text_layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace pgbackfill::tools {
namespace {

using planner::LockClass;
using planner::Plan;
using planner::Step;
using planner::TableOutlook;

/// A plan of so few steps is read faster than what would be said about it.
constexpr std::size_t kShortPlan = 40;
/// Columns of a table's line beside its name.
constexpr std::size_t kFigureWidth = 52;

std::string count_of(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(static_cast<std::int64_t>(count)), count == 1 ? one : many);
}

struct Totals {
  std::size_t tables = 0;
  double rows = 0;
  std::int64_t bytes = 0;
  double seconds = 0;
  double wal_bytes = 0;
  double disk_bytes = 0;

  void add(const TableOutlook& table) {
    ++tables;
    rows += table.rows;
    bytes += table.bytes;
    seconds += table.seconds;
    wal_bytes += table.wal_bytes;
    disk_bytes += table.disk_bytes;
  }
  std::string costs() const {
    return fmt::format("about {}, {} of WAL, {} more disk", duration_text(seconds),
                       bytes_text(static_cast<std::int64_t>(wal_bytes)),
                       bytes_text(static_cast<std::int64_t>(disk_bytes)));
  }
};

/// The tables by what is done to their rows, and the reasons, each said once.
struct Sorted {
  std::vector<const TableOutlook*> written;
  std::vector<const TableOutlook*> by_catalog;
  std::vector<const TableOutlook*> others;
  std::vector<std::string> reasons;

  explicit Sorted(const std::vector<TableOutlook>& tables) {
    for (const TableOutlook& table : tables) {
      (table.method.empty() ? others : table.written ? written : by_catalog).push_back(&table);
    }
    // The longest first: they are what one waits for.
    std::stable_sort(written.begin(), written.end(),
                     [](const auto* a, const auto* b) { return a->seconds > b->seconds; });
    for (const TableOutlook* table : written) {
      if (std::find(reasons.begin(), reasons.end(), table->reason) == reasons.end()) {
        reasons.push_back(table->reason);
      }
    }
  }
  std::ptrdiff_t reason_of(const TableOutlook& table) const {
    return std::find(reasons.begin(), reasons.end(), table.reason) - reasons.begin() + 1;
  }
};

std::string table_lines(const Sorted& sorted, std::size_t page_width) {
  std::size_t width = 5;
  for (const TableOutlook* table : sorted.written) width = std::max(width, table->table.size());
  width = std::min(width, std::max<std::size_t>(page_width, kPageWidth) - kFigureWidth);
  constexpr std::string_view kLine = "  {:<{}} {:<6} {:>6} {:>5} {:>6} {:>5} {:>5} {:<6} {}\n";
  std::string text = fmt::format(kLine, "table", width, "method", "rows", "size", "time", "WAL",
                                 "+disk", "lock", "why");
  for (const TableOutlook* table : sorted.written) {
    std::string name = table->table;
    if (name.size() > width) {
      // In full, as it is what is looked for; its figures follow.
      text += fmt::format("  {}\n", name);
      name.clear();
    }
    const bool empty = table->bytes == 0;
    text +=
        fmt::format(kLine, name, width, table->method, empty ? "empty" : short_count(table->rows),
                    brief_bytes(static_cast<double>(table->bytes)), duration_text(table->seconds),
                    brief_bytes(table->wal_bytes), brief_bytes(table->disk_bytes),
                    to_string(table->lock), fmt::format("[{}]", sorted.reason_of(*table)));
  }
  return text;
}

std::string names_of(const std::vector<const TableOutlook*>& tables) {
  std::vector<std::string_view> names;
  for (const TableOutlook* table : tables) names.push_back(table->table);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string folded_lines(const Sorted& sorted, std::size_t width) {
  std::string text;
  if (!sorted.by_catalog.empty()) {
    Totals totals;
    for (const TableOutlook* table : sorted.by_catalog) totals.add(*table);
    text += wrapped("  ",
                    fmt::format("by the catalog alone, no row written ({}, {}): {}",
                                count_of(totals.tables, "table", "tables"), totals.costs(),
                                names_of(sorted.by_catalog)),
                    width);
  }
  if (!sorted.others.empty()) {
    text += wrapped("  ",
                    "no column to fill (a partitioned table's rows are its partitions'): " +
                        names_of(sorted.others),
                    width);
  }
  return text;
}

std::string lock_lines(const std::vector<TableOutlook>& tables, std::size_t width) {
  std::set<LockClass> locks;
  for (const TableOutlook& table : tables) locks.insert(table.lock);
  std::string text;
  for (auto lock = locks.rbegin(); lock != locks.rend(); ++lock) {
    std::vector<const TableOutlook*> met;
    for (const TableOutlook& table : tables) {
      if (table.lock == *lock) met.push_back(&table);
    }
    const bool notable = *lock > LockClass::kMoment;
    text += wrapped(fmt::format("  lock {:<6} ", to_string(*lock)),
                    fmt::format("{}: {}", describe(*lock),
                                notable ? names_of(met) : count_of(met.size(), "table", "tables")),
                    width);
  }
  return text;
}

std::string basis(const std::vector<TableOutlook>& tables) {
  const auto sampled = std::count_if(tables.begin(), tables.end(),
                                     [](const TableOutlook& table) { return table.sampled; });
  return sampled == 0 ? "time, WAL and disk by rule of thumb"
                      : fmt::format("time and disk of {} from a sample, the rest by rule of thumb",
                                    count_of(static_cast<std::size_t>(sampled), "table", "tables"));
}

std::string tables_section(const std::vector<TableOutlook>& tables, std::size_t width) {
  if (tables.empty()) return {};
  const Sorted sorted(tables);
  std::string text = fmt::format("\ntables ({})\n", basis(tables));
  if (!sorted.written.empty()) text += table_lines(sorted, width);
  text += folded_lines(sorted, width);
  for (std::size_t i = 0; i < sorted.reasons.size(); ++i) {
    text += wrapped(fmt::format("  [{}] ", i + 1),
                    sorted.reasons[i].empty() ? "the plan does not say" : sorted.reasons[i], width);
  }
  return text + lock_lines(tables, width);
}

std::string findings_section(const std::vector<planner::Finding>& findings, std::size_t width) {
  std::string text = "\nfindings\n";
  if (findings.empty()) return text + "  none\n";
  for (const planner::Finding& finding : findings) {
    const std::string said = finding.to_string();
    const std::size_t end = std::min(said.find('\n'), said.size());
    text += wrapped("  warning: ", said.substr(0, end), width);
    // Statements are copied: not to be broken.
    if (end < said.size()) text += said.substr(end + 1) + "\n";
  }
  return text;
}

constexpr std::array<std::string_view, planner::kStageCount> kStageWork{
    "the ledger and the rows that must exist first",
    "columns, and what fills them for rows that come meanwhile",
    "values for the rows, in batches",
    "derived values compared with their source, NOT NULL, swaps of converted keys",
    "foreign keys, then their validation",
    "indexes",
    "cutover of enums, old columns and types go, statistics"};

std::string stages_section(const Plan& plan, std::size_t width) {
  std::array<std::size_t, planner::kStageCount> counts{};
  for (const Step& step : plan.steps) ++counts.at(static_cast<std::size_t>(step.stage));
  std::string text = "\nstages\n";
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::string head = fmt::format("{} ({})", to_string(static_cast<planner::Stage>(i)),
                                         count_of(counts[i], "step", "steps"));
    text += wrapped(fmt::format("  {:<24} ", head), kStageWork[i], width);
  }
  return text;
}

std::string irreversible_section(const Plan& plan, std::size_t width) {
  std::string text;
  for (const Step& step : plan.steps) {
    if (step.irreversible.empty()) continue;
    text += wrapped("  ", title_of(step) + ": " + step.irreversible, width);
  }
  if (text.empty()) return "\nrollback\n  every step can be taken back\n";
  return "\ncannot be taken back\n" + text;
}

std::string head(const Plan& plan, const std::vector<TableOutlook>& tables) {
  Totals all;
  Totals written;
  for (const TableOutlook& table : tables) {
    all.add(table);
    if (table.written) written.add(table);
  }
  return fmt::format("Plan for schema {}: {}, {}, {}\n{} written in {}\nin all {}\n", plan.schema,
                     count_of(plan.tables.size(), "table", "tables"),
                     count_of(plan.enums.size(), "enum type", "enum types"),
                     count_of(plan.steps.size(), "step", "steps"),
                     written.rows < 1 ? "no row" : "about " + short_count(written.rows) + " rows",
                     count_of(written.tables, "table", "tables"), all.costs());
}

}  // namespace

std::string plan_page(const PlanPage& page) {
  const std::vector<TableOutlook> tables = planner::outlook(page.plan, page.samples);
  std::string text = head(page.plan, tables) + tables_section(tables, page.width) +
                     findings_section(page.findings, page.width) +
                     stages_section(page.plan, page.width) +
                     irreversible_section(page.plan, page.width);
  if (!page.plan.notes.empty()) text += "\nnotes\n";
  for (const std::string& note : page.plan.notes) text += wrapped("  ", note, page.width);
  if (page.steps || page.plan.steps.size() <= kShortPlan) {
    return text + "\n" + planner::to_text(page.plan);
  }
  return text + "\nevery step: --verbose; of one table: --table NAME; as SQL: --format sql\n";
}

PlanPage narrowed(const PlanPage& page, const std::vector<std::string>& tables, Plan& storage) {
  const auto wanted = [&](const std::string& object) {
    return std::any_of(tables.begin(), tables.end(), [&](const std::string& table) {
      return object == table || object.starts_with(table + ".") || object.starts_with(table + ":");
    });
  };
  storage = page.plan;
  std::erase_if(storage.steps, [&](const Step& step) {
    return std::find(tables.begin(), tables.end(), step.table) == tables.end();
  });
  std::erase_if(storage.tables, [&](const planner::TableTarget& target) {
    return !wanted(target.table.display(page.plan.schema));
  });
  storage.enums.clear();
  std::erase_if(storage.notes, [&](const std::string& note) { return !wanted(note); });
  PlanPage narrow{storage, page.findings, page.samples, true, page.width};
  std::erase_if(narrow.findings,
                [&](const planner::Finding& finding) { return !wanted(finding.object); });
  return narrow;
}

std::vector<std::string> plan_tables(const Plan& plan) {
  std::vector<std::string> tables;
  std::set<std::string_view> seen;
  for (const Step& step : plan.steps) {
    if (!step.table.empty() && seen.insert(step.table).second) tables.push_back(step.table);
  }
  return tables;
}

}  // namespace pgbackfill::tools
