#include "planner/plan/locks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

namespace pgbackfill::planner {
namespace {

using Ids = std::set<std::string, std::less<>>;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// SET NOT NULL reads the table unless a valid CHECK stands before it, which then has a step.
bool reads_for_not_null(const Ids& ids, const Step& step) {
  constexpr std::string_view kSet = ":set-not-null:";
  const std::size_t at = step.id.find(kSet);
  if (step.stage != Stage::kEnforce || at == std::string::npos) return false;
  std::string check = step.id;
  return !ids.contains(check.replace(at, kSet.size(), ":validate-check:"));
}

/// A foreign key that is valid at once reads the table, unless its partitions' keys are valid.
bool reads_for_foreign_key(const Ids& ids, const Step& step) {
  if (step.stage != Stage::kForeignKey || !has(step.sql.front(), " FOREIGN KEY ")) return false;
  if (has(step.sql.front(), " NOT VALID")) return false;
  const std::string of_leaf = fmt::format("foreign-key:{}:add:leaf:", step.table);
  const auto next = ids.lower_bound(of_leaf);
  return next == ids.end() || !next->starts_with(of_leaf);
}

LockClass of_statement(std::string_view sql) {
  if (has(sql, "VALIDATE CONSTRAINT") || has(sql, "INDEX CONCURRENTLY") ||
      sql.starts_with("ANALYZE")) {
    return LockClass::kScan;
  }
  if (has(sql, " EXCLUDE ") && has(sql, "ADD CONSTRAINT")) return LockClass::kAll;
  const bool index = sql.starts_with("CREATE INDEX") || sql.starts_with("CREATE UNIQUE INDEX");
  return index && !has(sql, " ON ONLY ") ? LockClass::kWrites : LockClass::kMoment;
}

LockClass lock_of(const Ids& ids, const Step& step) {
  if ((step.kind != StepKind::kSql && step.kind != StepKind::kAlone) || step.sql.empty()) {
    return LockClass::kRows;
  }
  if (reads_for_not_null(ids, step)) return LockClass::kAll;
  LockClass strongest = reads_for_foreign_key(ids, step) ? LockClass::kWrites : LockClass::kRows;
  for (const std::string& statement : step.sql) {
    strongest = std::max(strongest, of_statement(statement));
  }
  return strongest;
}

}  // namespace

std::string_view to_string(LockClass lock) {
  switch (lock) {
    case LockClass::kRows:
      return "rows";
    case LockClass::kScan:
      return "scan";
    case LockClass::kMoment:
      return "moment";
    case LockClass::kWrites:
      return "writes";
    case LockClass::kAll:
      return "all";
  }
  return "?";
}

std::string_view describe(LockClass lock) {
  switch (lock) {
    case LockClass::kRows:
      return "locks the rows of a batch alone";
    case LockClass::kScan:
      return "is read, or gets an index, beside reads and writes";
    case LockClass::kMoment:
      return "up to ACCESS EXCLUSIVE for a moment (a change of the catalog, given up after "
             "lock_timeout and tried again); table scans and index builds let writes go on";
    case LockClass::kWrites:
      return "writes wait while the whole table is read (an index or a key in a maintenance "
             "window)";
    case LockClass::kAll:
      return "ACCESS EXCLUSIVE while the whole table is read: reads and writes wait";
  }
  return "?";
}

std::map<std::string, LockClass> strongest_locks(const Plan& plan) {
  Ids ids;
  for (const Step& step : plan.steps) ids.insert(step.id);
  std::map<std::string, LockClass> locks;
  for (const Step& step : plan.steps) {
    if (step.table.empty()) continue;
    LockClass& strongest = locks.emplace(step.table, LockClass::kRows).first->second;
    strongest = std::max(strongest, lock_of(ids, step));
  }
  return locks;
}

}  // namespace pgbackfill::planner
