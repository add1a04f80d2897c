#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

/// <name>text</name>, the text escaped.
std::string html_element(std::string_view name, std::string_view text);

/// A table of texts: the first `words` columns to the left, the figures behind them to the right.
struct HtmlTable {
  std::vector<std::string> heads;
  std::size_t words = 1;
  std::vector<std::vector<std::string>> rows;
};

std::string html_table(const HtmlTable& table);

/// <section> with a heading; `body` is HTML.
std::string html_section(std::string_view heading, std::string_view body);

}  // namespace pgbackfill::tools
