#include "tools/handover.hpp"

#include "planner/operations/enum/enum_spec.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::tools {
namespace {

/// Tables that are named before the rest is counted.
constexpr std::size_t kMostNamed = 6;

std::string folded(const std::vector<std::string>& names) {
  if (names.size() <= kMostNamed + 1) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kMostNamed, ", "),
                     names.size() - kMostNamed);
}

/// The targets of one column to one table: nearly always all of them.
struct Group {
  const planner::TableTarget* first = nullptr;
  std::vector<std::string> tables;
};

std::vector<Group> groups_of(const planner::Plan& plan) {
  std::vector<Group> groups;
  for (const planner::TableTarget& target : plan.tables) {
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return group.first->column == target.column && group.first->references == target.references;
    });
    Group& group = found == groups.end() ? groups.emplace_back(Group{&target, {}}) : *found;
    group.tables.push_back(target.table.display(plan.schema));
  }
  return groups;
}

std::string column_text(const planner::Plan& plan, const Group& group) {
  const std::string& column = group.first->column;
  const std::string references = group.first->references.display(plan.schema);
  return fmt::format(
      "  INSERT  says {0}, which is NOT NULL and has no default and no trigger any more: {1}\n"
      "  SELECT, UPDATE, DELETE  of these tables are filtered by {0}: pgbackfill adds no filter\n"
      "  sessions, tokens and background jobs  carry the {0} they act for\n"
      "  {2}  has the row before anything refers to it, and keeps it while something does\n",
      column, folded(group.tables), references);
}

std::string enum_text(const planner::Plan& plan, const planner::EnumTarget& target,
                      const planner::JobSpec& spec) {
  const std::string name = target.type.display(plan.schema);
  std::string text =
      fmt::format("  {}  has the labels {}{}: code and settings that name them say the same\n",
                  name, fmt::join(target.labels, ", "), target.ordered ? " (sorted so)" : "");
  for (const planner::EnumSpec& type : spec.of<planner::EnumSpec>()) {
    if (sql::parse_qualified_name(type.type, spec.schema) != target.type) continue;
    std::vector<std::string> renamed;
    for (const auto& [from, to] : type.map) renamed.push_back(fmt::format("{} is {}", from, to));
    if (!renamed.empty()) text += fmt::format("    now {}\n", fmt::join(renamed, ", "));
  }
  return text;
}

}  // namespace

std::string handover_text(const planner::Plan& plan, const planner::JobSpec& spec) {
  std::string text;
  for (const Group& group : groups_of(plan)) text += column_text(plan, group);
  for (const planner::EnumTarget& target : plan.enums) text += enum_text(plan, target, spec);
  return text.empty() ? text : "from now on the application must see to it that\n" + text;
}

}  // namespace pgbackfill::tools
