#include "planner/plan/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

std::string count_of(std::int64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string size_of(const TableBackfill& backfill) {
  if (backfill.blocks == 0) return "empty";
  return fmt::format("about {:.0f} rows, {}", backfill.estimated_rows,
                     count_of(backfill.blocks, "block", "blocks"));
}

void append_stage(std::string& text, const Plan& plan, Stage stage, std::size_t width) {
  std::string lines;
  std::int64_t count = 0;
  for (const Step& step : plan.steps) {
    if (step.stage != stage) continue;
    ++count;
    std::string title = step.title;
    if (step.backfill) title += fmt::format(" ({})", size_of(*step.backfill));
    if (step.backfill && !step.backfill->why.empty()) title += ": " + step.backfill->why;
    if (!step.irreversible.empty())
      title += fmt::format(" [cannot be taken back: {}]", step.irreversible);
    lines += fmt::format("  {:<{}}  {}\n", step.table.empty() ? "-" : step.table, width, title);
  }
  text += fmt::format("{} ({})\n{}", to_string(stage), count_of(count, "step", "steps"), lines);
}

/// One line of a SQL comment for each line of `text`.
std::string comment(std::string_view text) {
  std::string lines = "-- ";
  for (const char c : text) {
    lines.push_back(c);
    if (c == '\n') lines += "-- ";
  }
  return lines + "\n";
}

std::string statement_text(const std::string& statement) {
  const std::size_t end = statement.find_last_not_of(" \n\r\t;");
  return statement.substr(0, end == std::string::npos ? 0 : end + 1) + ";\n";
}

std::string step_sql(const Step& step) {
  std::string text;
  switch (step.kind) {
    case StepKind::kBackfill:
    case StepKind::kReconcile:
    case StepKind::kFill:
    case StepKind::kCatchUp:
      for (const std::string& statement : step.sql) text += comment(statement_text(statement));
      break;
    case StepKind::kLookup:
      text += statement_text(step.sql.front());
      for (std::size_t i = 1; i < step.sql.size(); ++i) {
        text += comment(statement_text(step.sql[i]));
      }
      break;
    case StepKind::kAlone:
      for (const std::string& statement : step.sql) text += statement_text(statement);
      break;
    case StepKind::kSql:
      text += "BEGIN;\n";
      for (const std::string& statement : step.sql) text += statement_text(statement);
      text += "COMMIT;\n";
      break;
  }
  return text;
}

}  // namespace

std::string to_text(const Plan& plan) {
  std::size_t width = 1;
  for (const Step& step : plan.steps) width = std::max(width, step.table.size());
  std::string text;
  for (int stage = 0; stage < kStageCount; ++stage) {
    if (stage > 0) text += "\n";
    append_stage(text, plan, static_cast<Stage>(stage), width);
  }
  return text;
}

std::string to_sql(const Plan& plan) {
  std::string text;
  for (const std::string& note : plan.notes) text += comment("note: " + note);
  for (const Step& step : plan.steps) {
    if (!text.empty()) text += "\n";
    text += comment(step.id + ": " + step.title) + step_sql(step);
  }
  return text;
}

}  // namespace pgbackfill::planner
