#include "sql/error.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace pgbackfill::sql {
namespace {

constexpr std::size_t kLongestShownStatement = 200;

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string readable(const Diagnostics& diagnostics, std::string_view statement) {
  std::string text = one_line(diagnostics.message);
  if (text.empty()) text = "unknown failure";
  if (!diagnostics.detail.empty()) text += " (" + one_line(diagnostics.detail) + ")";
  if (!diagnostics.hint.empty()) text += " (hint: " + one_line(diagnostics.hint) + ")";
  if (!diagnostics.sqlstate.empty()) text += " [" + diagnostics.sqlstate + "]";
  const std::string shown = one_line(statement);
  if (!shown.empty() && shown.size() <= kLongestShownStatement) text += " in: " + shown;
  return text;
}

}  // namespace

Error::Error(Diagnostics diagnostics, std::string statement, bool connection_lost)
    : std::runtime_error(readable(diagnostics, statement)),
      diagnostics_(std::move(diagnostics)),
      statement_(std::move(statement)),
      connection_lost_(connection_lost) {}

}  // namespace pgbackfill::sql
