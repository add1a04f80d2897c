#include "planner/file/sql_expression.hpp"

#include <cctype>
#include <cstddef>

namespace pgbackfill::planner {
namespace {

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || byte >= 0x80U;
}

// Position after the closing quote; npos when there is none. A doubled quote reads as two strings
// in a row, which ends at the same place.
std::size_t skip_quoted(std::string_view text, std::size_t open, bool backslashes) {
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (backslashes && text[i] == '\\') {
      ++i;
    } else if (text[i] == text[open]) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// Of E'…', whose backslashes escape.
bool escapes(std::string_view text, std::size_t quote) {
  if (quote == 0 || (text[quote - 1] != 'E' && text[quote - 1] != 'e')) return false;
  return quote == 1 || !is_word(text[quote - 2]);
}

// Length of a dollar quote's tag ("$$", "$body$") at `at`; 0 when there is none.
std::size_t dollar_tag(std::string_view text, std::size_t at) {
  if (at > 0 && (is_word(text[at - 1]) || text[at - 1] == '$')) return 0;
  std::size_t end = at + 1;
  while (end < text.size() && is_word(text[end])) ++end;
  const bool number = end > at + 1 && std::isdigit(static_cast<unsigned char>(text[at + 1])) != 0;
  return end < text.size() && text[end] == '$' && !number ? end + 1 - at : 0;
}

}  // namespace

std::optional<std::string> expression_defect(std::string_view expression) {
  constexpr auto kNowhere = std::string_view::npos;
  if (expression.find_first_not_of(" \t\r\n") == kNowhere) return "is empty";
  int open = 0;
  std::size_t i = 0;
  while (i < expression.size()) {
    const char c = expression[i];
    const std::string_view rest = expression.substr(i);
    if (c == '\'' || c == '"') {
      i = skip_quoted(expression, i, c == '\'' && escapes(expression, i));
      if (i == kNowhere) return "has a quote that is not closed";
      continue;
    }
    if (c == '$') {
      if (const std::size_t tag = dollar_tag(expression, i); tag != 0) {
        const auto close = expression.find(rest.substr(0, tag), i + tag);
        if (close == kNowhere) return "has a dollar quote that is not closed";
        i = close + tag;
        continue;
      }
    }
    if (c == ';') return "holds a ';': give one expression, not statements";
    if (rest.starts_with("--") || rest.starts_with("/*")) {
      return "holds an SQL comment: write it as a TOML comment";
    }
    if (c == '(') ++open;
    if (c == ')' && --open < 0) return "closes a parenthesis that it did not open";
    ++i;
  }
  if (open > 0) return "has a parenthesis that is not closed";
  return std::nullopt;
}

}  // namespace pgbackfill::planner
