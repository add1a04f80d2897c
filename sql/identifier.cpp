#include "sql/identifier.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace pgbackfill::sql {
namespace {

constexpr std::size_t kHashDigits = 12;

std::string hash_digits(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  std::string digits;
  for (std::size_t i = 0; i < kHashDigits; ++i) {
    digits += "0123456789abcdef"[hash & 15U];
    hash >>= 4U;
  }
  return digits;
}

bool is_continuation_byte(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

bool is_plain(std::string_view name) {
  const auto starts = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto continues = [&](char c) { return starts(c) || (c >= '0' && c <= '9') || c == '$'; };
  return !name.empty() && starts(name.front()) && std::all_of(name.begin(), name.end(), continues);
}

std::string quote_if_needed(std::string_view name) {
  return is_plain(name) ? std::string(name) : quote_identifier(name);
}

[[noreturn]] void reject(std::string_view text, std::string_view why) {
  throw std::invalid_argument("\"" + std::string(text) + "\" is not a name: " + std::string(why) +
                              " (write name or schema.name; put a part with dots, blanks or "
                              "quotes in double quotes)");
}

/// Takes one part off the front of `rest`; leaves `rest` at the dot or the end.
std::string take_part(std::string_view& rest, std::string_view whole) {
  std::string part;
  if (rest.empty() || rest.front() != '"') {
    std::size_t length = 0;
    for (; length < rest.size() && rest[length] != '.'; ++length) {
      const char c = rest[length];
      if (c == '"') reject(whole, "a quote stands inside an unquoted part");
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') reject(whole, "it holds a blank");
      if (c == '\0') reject(whole, "it holds a NUL character");
    }
    part = rest.substr(0, length);
    rest.remove_prefix(length);
  } else {
    rest.remove_prefix(1);
    for (;;) {
      const std::size_t quote = rest.find('"');
      if (quote == std::string_view::npos) reject(whole, "a double quote is not closed");
      part += rest.substr(0, quote);
      rest.remove_prefix(quote + 1);
      if (rest.empty() || rest.front() != '"') break;
      part += '"';
      rest.remove_prefix(1);
    }
    if (!rest.empty() && rest.front() != '.') reject(whole, "text follows a closing quote");
  }
  if (part.empty()) reject(whole, "a part of it is empty");
  return part;
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string quote_literal(std::string_view value) {
  const bool has_backslash = value.find('\\') != std::string_view::npos;
  std::string quoted = has_backslash ? "E'" : "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  quoted += '\'';
  return quoted;
}

std::string fit_identifier(std::string_view name) {
  if (name.size() <= kMaxIdentifierBytes) return std::string(name);
  std::size_t kept = kMaxIdentifierBytes - kHashDigits - 1;
  while (kept > 0 && is_continuation_byte(name[kept])) --kept;
  return std::string(name.substr(0, kept)) + "_" + hash_digits(name);
}

std::string QualifiedName::quoted() const {
  return quote_identifier(schema) + "." + quote_identifier(name);
}

std::string QualifiedName::display(std::string_view implied) const {
  if (schema.empty() || schema == implied) return quote_if_needed(name);
  return quote_if_needed(schema) + "." + quote_if_needed(name);
}

QualifiedName parse_qualified_name(std::string_view text, std::string_view default_schema) {
  std::string_view rest = text;
  std::string first = take_part(rest, text);
  if (rest.empty()) return {std::string(default_schema), std::move(first)};
  rest.remove_prefix(1);
  std::string second = take_part(rest, text);
  if (!rest.empty()) reject(text, "it has more than two parts");
  return {std::move(first), std::move(second)};
}

}  // namespace pgbackfill::sql
