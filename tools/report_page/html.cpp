#include "tools/report_page/html.hpp"

#include "tools/markup.hpp"

#include <fmt/format.h>

namespace pgbackfill::tools {
namespace {

std::string cells(const std::vector<std::string>& texts, std::string_view element,
                  std::size_t words) {
  std::string html = "<tr>";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    html += fmt::format("<{}{}>{}</{}>", element, i < words ? "" : " class=\"n\"",
                        escape_markup(texts[i]), element);
  }
  return html + "</tr>\n";
}

}  // namespace

std::string html_element(std::string_view name, std::string_view text) {
  return fmt::format("<{0}>{1}</{0}>\n", name, escape_markup(text));
}

std::string html_table(const HtmlTable& table) {
  std::string html = "<div class=\"wide\"><table>\n<thead>";
  html += cells(table.heads, "th", table.words) + "</thead>\n<tbody>\n";
  for (const auto& row : table.rows) html += cells(row, "td", table.words);
  return html + "</tbody>\n</table></div>\n";
}

std::string html_section(std::string_view heading, std::string_view body) {
  return fmt::format("<section>\n{}{}</section>\n", html_element("h2", heading), body);
}

}  // namespace pgbackfill::tools
