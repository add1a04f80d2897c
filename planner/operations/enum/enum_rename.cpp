#include "planner/operations/enum/enum_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_literal;

std::string rename_value(const EnumWork& work, const std::string& from, const std::string& to) {
  return fmt::format("ALTER TYPE {} RENAME VALUE {} TO {}", work.type->name.quoted(),
                     quote_literal(from), quote_literal(to));
}

/// Renames as one list: a label that another still holds is reached by way of a temporary one.
std::vector<std::string> rename_statements(
    const EnumWork& work, const std::vector<std::pair<std::string, std::string>>& renames) {
  std::vector<std::string> first;
  std::vector<std::string> then;
  for (const auto& [from, to] : renames) {
    const bool taken = std::any_of(renames.begin(), renames.end(),
                                   [&, &target = to](const auto& r) { return r.first == target; });
    if (!taken) {
      then.push_back(rename_value(work, from, to));
      continue;
    }
    const std::string temporary = fmt::format("pgbackfill_label_{}", first.size() + 1);
    first.push_back(rename_value(work, from, temporary));
    then.push_back(rename_value(work, temporary, to));
  }
  first.insert(first.end(), then.begin(), then.end());
  return first;
}

void rename_labels(PlanContext& context, const EnumWork& work) {
  std::vector<std::pair<std::string, std::string>> renames;
  std::vector<std::pair<std::string, std::string>> back;
  std::vector<std::string> result;
  for (const auto& [from, to] : work.remap) {
    result.push_back(to);
    if (from == to) continue;
    renames.emplace_back(from, to);
    back.emplace_back(to, from);
  }
  if (renames.empty()) return;
  const std::string label = work.type->name.display(context.spec.schema);
  Step step = make_step(Stage::kFinish, label, "rename-values");
  step.table.clear();
  step.title = fmt::format("cutover: rename the labels of {}, no row is touched", label);
  step.sql = rename_statements(work, renames);
  step.inverse = rename_statements(work, back);
  // In their order, so that an exchange of two labels is told from its opposite.
  step.probe = fmt::format(
      "SELECT coalesce((SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM "
      "pg_catalog.pg_enum WHERE enumtypid = to_regtype({0}) AND enumlabel IN ({1})) = ARRAY[{1}], "
      "false)",
      quote_literal(work.type->name.quoted()), literal_list(result));
  context.plan.steps.push_back(std::move(step));
}

void add_labels(PlanContext& context, const EnumWork& work) {
  const auto& values = work.spec->values;
  const auto present = [&](const std::string& label) {
    return std::any_of(work.remap.begin(), work.remap.end(),
                       [&](const auto& entry) { return entry.second == label; });
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (present(values[i])) continue;
    std::string place;
    if (i > 0) {
      place = " AFTER " + quote_literal(values[i - 1]);
    } else if (const auto next = std::find_if(values.begin(), values.end(), present);
               next != values.end()) {
      place = " BEFORE " + quote_literal(*next);
    }
    const std::string label = work.type->name.display(context.spec.schema);
    Step step = make_step(Stage::kFinish, label, "add-value", values[i]);
    step.table.clear();
    step.kind = StepKind::kAlone;
    step.title = fmt::format("cutover: add the label {} to {}", values[i], label);
    step.sql = {fmt::format("ALTER TYPE {} ADD VALUE IF NOT EXISTS {}{}", work.type->name.quoted(),
                            quote_literal(values[i]), place)};
    step.probe = fmt::format(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_enum WHERE enumtypid = to_regtype({}) AND "
        "enumlabel = {})",
        quote_literal(work.type->name.quoted()), quote_literal(values[i]));
    step.irreversible = "PostgreSQL cannot drop a label from an enum";
    context.plan.steps.push_back(std::move(step));
  }
}

}  // namespace

void plan_enum_rename(PlanContext& context, const EnumWork& work) {
  rename_labels(context, work);
  add_labels(context, work);
}

}  // namespace pgbackfill::planner
