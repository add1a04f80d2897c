#include "tools/text_layout.hpp"

#include <algorithm>

namespace pgbackfill::tools {
namespace {

constexpr std::size_t kWidth = 80;

}  // namespace

std::string wrapped(std::string_view first, std::string_view text) {
  std::string lines(first);
  std::size_t width = first.size();
  bool at_start = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (!at_start && width + 1 + end > kWidth) {
      lines += "\n" + std::string(first.size(), ' ');
      width = first.size();
      at_start = true;
    }
    if (!at_start) lines += " ";
    lines += text.substr(0, end);
    width += end + (at_start ? 0 : 1);
    at_start = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines + "\n";
}

}  // namespace pgbackfill::tools
