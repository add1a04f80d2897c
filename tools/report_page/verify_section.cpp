#include "tools/report_page/verify_section.hpp"

#include "tools/number_text.hpp"
#include "tools/report_page/html.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::tools {
namespace {

constexpr std::size_t kOrganizations = 10;

std::string verdict(const engine::VerifyReport& report) {
  const auto failed = std::count_if(
      report.checks.begin(), report.checks.end(),
      [](const engine::VerifyCheck& check) { return !check.passed && !check.skipped; });
  const std::string text =
      failed == 0 ? fmt::format("None of {} checks failed.", report.checks.size())
                  : fmt::format("{} of {} checks failed.", failed, report.checks.size());
  return fmt::format("<p><strong class=\"{}\">{}</strong></p>\n", failed == 0 ? "good" : "bad",
                     text);
}

std::string differences(const engine::VerifyReport& report) {
  HtmlTable table{{"object", "check", "result", "message"}, 4, {}};
  for (const engine::VerifyCheck& check : report.checks) {
    if (check.passed) continue;
    table.rows.push_back(
        {check.object, check.name, check.skipped ? "not tested" : "FAILED", check.message});
  }
  return table.rows.empty() ? "" : html_table(table);
}

std::string organizations(const engine::VerifyReport& report) {
  HtmlTable table{{"table", "rows per organization", "rows"}, 2, {}};
  for (const auto& counts : report.counts) {
    std::string text;
    const std::size_t shown = std::min(counts.organizations.size(), kOrganizations);
    for (std::size_t i = 0; i < shown; ++i) {
      text += fmt::format("{}{}: {}", i == 0 ? "" : ", ", counts.organizations[i].first,
                          grouped(counts.organizations[i].second));
    }
    if (shown < counts.organizations.size()) {
      text += fmt::format(", {} more organizations", counts.organizations.size() - shown);
    }
    table.rows.push_back({counts.table, text, grouped(counts.total)});
  }
  return table.rows.empty() ? "" : html_table(table);
}

}  // namespace

std::string verify_section(const engine::VerifyReport& report, bool other_file) {
  std::string html;
  if (other_file) {
    html = html_element("p", "The file that was given is not the one that the job was begun with.");
  }
  html += verdict(report) + differences(report) + organizations(report);
  for (const std::string& note : report.notes) html += html_element("p", note);
  return html_section("Verified against the migration file", html);
}

}  // namespace pgbackfill::tools
