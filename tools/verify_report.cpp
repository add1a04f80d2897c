#include "tools/verify_report.hpp"

#include "tools/markup.hpp"
#include "tools/number_text.hpp"
#include "tools/text_layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::tools {
namespace {

constexpr std::size_t kShownOrganizations = 5;
constexpr std::size_t kShownUnnamed = 20;

std::size_t count_failed(const engine::VerifyReport& report) {
  return static_cast<std::size_t>(std::count_if(
      report.checks.begin(), report.checks.end(),
      [](const engine::VerifyCheck& check) { return !check.passed && !check.skipped; }));
}

std::size_t count_skipped(const engine::VerifyReport& report) {
  return static_cast<std::size_t>(
      std::count_if(report.checks.begin(), report.checks.end(),
                    [](const engine::VerifyCheck& check) { return check.skipped; }));
}

/// The table that a check is about: a check's object is the table or begins with it and a dot.
std::string group_of(const std::string& object, const std::set<std::string>& tables) {
  std::string best = object;
  std::size_t longest = 0;
  for (std::size_t dot = object.find('.'); dot != std::string::npos;
       dot = object.find('.', dot + 1)) {
    const std::string head = object.substr(0, dot);
    if (tables.contains(head) && dot > longest) {
      best = head;
      longest = dot;
    }
  }
  return best;
}

/// Passed checks per table (or type), in the order in which they first appear.
std::vector<std::pair<std::string, int>> passed_per_group(const engine::VerifyReport& report) {
  std::set<std::string> tables;
  for (const engine::VerifyCheck& check : report.checks) {
    if (check.name == "table") tables.insert(check.object);
  }
  std::vector<std::pair<std::string, int>> groups;
  for (const engine::VerifyCheck& check : report.checks) {
    if (!check.passed) continue;
    const std::string name = group_of(check.object, tables);
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const auto& group) { return group.first == name; });
    if (found == groups.end()) {
      groups.emplace_back(name, 1);
    } else {
      ++found->second;
    }
  }
  return groups;
}

std::string counts_line(const engine::VerifyReport::TableCounts& counts) {
  std::string line = fmt::format("{}: {} rows", counts.table, grouped(counts.total));
  const std::size_t shown = std::min(counts.organizations.size(), kShownOrganizations);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [organization, rows] = counts.organizations[i];
    line += fmt::format("{} {} {}", i == 0 ? ";" : ",", organization, grouped(rows));
  }
  if (counts.organizations.size() > shown) {
    line += fmt::format(", {} more organizations", counts.organizations.size() - shown);
  }
  return line;
}

/// What of the isolation was tried and held, a line per table, and what could not be tried.
std::string isolation_text(const engine::VerifyReport& report) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const engine::VerifyCheck& check : report.checks) {
    std::string said;
    if (check.skipped) {
      said = fmt::format("{} not tested: {}", check.name, check.message);
    } else if (check.passed && check.name == "isolation-filter") {
      said = "a filter by one organization sees nothing of a second one";
    } else if (check.passed && check.name == "isolation-insert") {
      said = "an INSERT without an organization is refused";
    } else {
      continue;
    }
    if (!lines.empty() && lines.back().first == check.object) {
      lines.back().second += "; " + said;
    } else {
      lines.emplace_back(check.object, said);
    }
  }
  std::string text;
  for (const auto& [object, said] : lines) text += fmt::format("  {}: {}\n", object, said);
  for (const std::string& note : report.notes) text += fmt::format("  {}\n", note);
  return text.empty() ? text
                      : "\nisolation, tried out in a transaction that was rolled back\n" + text;
}

/// What the database has besides, a line per kind: thousands of names say no more than some.
std::string unnamed_text(const engine::VerifyReport& report) {
  std::vector<std::pair<const planner::Unnamed*, std::vector<std::string>>> kinds;
  for (const planner::Unnamed& unnamed : report.unnamed) {
    const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) {
      return kind.first->kind == unnamed.kind && kind.first->message == unnamed.message;
    });
    if (found == kinds.end()) {
      kinds.emplace_back(&unnamed, std::vector{unnamed.object});
    } else {
      found->second.push_back(unnamed.object);
    }
  }
  std::string text;
  for (auto& [first, names] : kinds) {
    const std::size_t all = names.size();
    names.resize(std::min(all, kShownUnnamed));
    text += wrapped(
        "  ", fmt::format("{} {} {}: {}{}", all, all == 1 ? "table" : "tables, each",
                          first->message, fmt::join(names, ", "),
                          all == names.size() ? std::string()
                                              : fmt::format(", {} more", all - names.size())));
  }
  return text.empty() ? text : "\nin the database, not in the file\n" + text;
}

}  // namespace

std::string verify_text(const engine::VerifyReport& report) {
  std::string text;
  for (const engine::VerifyCheck& check : report.checks) {
    if (check.passed || check.skipped) continue;
    text += fmt::format("FAILED {} {}: {}\n", check.object, check.name, check.message);
    for (const std::string& statement : check.mend) text += fmt::format("  {}\n", statement);
  }
  for (const auto& [group, passed] : passed_per_group(report)) {
    text += fmt::format("ok {}: {} check{}\n", group, passed, passed == 1 ? "" : "s");
  }
  text += isolation_text(report) + unnamed_text(report);
  if (!report.counts.empty()) text += "\nrows per organization\n";
  for (const auto& counts : report.counts) text += "  " + counts_line(counts) + "\n";
  if (!text.empty()) text += "\n";
  const std::size_t failed = count_failed(report);
  const std::size_t skipped = count_skipped(report);
  text += failed == 0 && skipped == 0
              ? fmt::format("verify: all {} checks passed\n", report.checks.size())
              : fmt::format("verify: {} of {} checks failed{}\n", failed, report.checks.size(),
                            skipped == 0 ? "" : fmt::format(", {} could not be tested", skipped));
  return text;
}

std::string verify_json(const engine::VerifyReport& report) {
  nlohmann::ordered_json document;
  document["passed"] = report.passed();
  document["checks"] = nlohmann::ordered_json::array();
  for (const engine::VerifyCheck& check : report.checks) {
    document["checks"].push_back({{"object", check.object},
                                  {"name", check.name},
                                  {"passed", check.passed},
                                  {"skipped", check.skipped},
                                  {"message", check.message},
                                  {"mend", check.mend}});
  }
  document["counts"] = nlohmann::ordered_json::array();
  for (const auto& counts : report.counts) {
    nlohmann::ordered_json organizations = nlohmann::ordered_json::array();
    for (const auto& [organization, rows] : counts.organizations) {
      organizations.push_back({{"organization", organization}, {"rows", rows}});
    }
    document["counts"].push_back({{"table", counts.table},
                                  {"total", counts.total},
                                  {"organizations", std::move(organizations)}});
  }
  document["unnamed"] = nlohmann::ordered_json::array();
  for (const planner::Unnamed& unnamed : report.unnamed) {
    document["unnamed"].push_back(
        {{"kind", unnamed.kind}, {"object", unnamed.object}, {"message", unnamed.message}});
  }
  document["notes"] = report.notes;
  // Data may hold what is not UTF-8.
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string verify_junit(const engine::VerifyReport& report) {
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"pgbackfill verify\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
      "skipped=\"{}\">\n",
      report.checks.size(), count_failed(report), count_skipped(report));
  for (const engine::VerifyCheck& check : report.checks) {
    text += fmt::format("  <testcase classname=\"{}\" name=\"{}\"", escape_markup(check.object),
                        escape_markup(check.name));
    if (check.passed) {
      text += "/>\n";
      continue;
    }
    const std::string_view result = check.skipped ? "skipped" : "failure";
    text += fmt::format("><{} message=\"{}\"", result, escape_markup(check.message));
    // The body is text: its line breaks stay.
    text +=
        check.mend.empty()
            ? std::string("/>")
            : fmt::format(">{}</{}>", escape_markup(fmt::format("{}", fmt::join(check.mend, "\n"))),
                          result);
    text += "</testcase>\n";
  }
  if (!report.unnamed.empty()) text += "  <system-out>";
  for (const planner::Unnamed& unnamed : report.unnamed) {
    text += escape_markup(
                fmt::format("{} is not in the file and {}", unnamed.object, unnamed.message)) +
            "\n";
  }
  if (!report.unnamed.empty()) text += "</system-out>\n";
  return text + "</testsuite>\n";
}

}  // namespace pgbackfill::tools
