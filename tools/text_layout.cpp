#include "tools/text_layout.hpp"

#include "tools/progress_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::tools {

std::string wrapped(std::string_view first, std::string_view text, std::size_t width) {
  std::string lines(first);
  std::size_t used = first.size();
  bool at_start = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (!at_start && used + 1 + end > width) {
      lines += "\n" + std::string(first.size(), ' ');
      used = first.size();
      at_start = true;
    }
    if (!at_start) lines += " ";
    lines += text.substr(0, end);
    used += end + (at_start ? 0 : 1);
    at_start = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines + "\n";
}

std::string columns(std::vector<std::vector<std::string>> rows, std::size_t words,
                    std::size_t width) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t line_width = 0;
  for (const std::size_t cells : widths) line_width += cells + 2;
  if (line_width > width) {
    const std::size_t most =
        std::max<std::size_t>(widths[0] - std::min(widths[0], line_width - width), 8);
    widths[0] = std::min(widths[0], most);
    for (auto& row : rows) {
      if (row[0].size() > most) row[0] = clip(row[0], static_cast<int>(most) - 2) + "..";
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i < words ? fmt::format("  {:<{}}", row[i], widths[i])
                        : fmt::format("  {:>{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace pgbackfill::tools
