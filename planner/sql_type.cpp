#include "planner/sql_type.hpp"

#include <array>
#include <cctype>
#include <utility>

namespace pgbackfill::planner {
namespace {

using Alias = std::pair<std::string_view, std::string_view>;

constexpr std::array kAliases{
    Alias{"int", "integer"},
    Alias{"int4", "integer"},
    Alias{"int8", "bigint"},
    Alias{"int2", "smallint"},
    Alias{"bool", "boolean"},
    Alias{"varchar", "character varying"},
    Alias{"char varying", "character varying"},
    Alias{"char", "character"},
    Alias{"float4", "real"},
    Alias{"float8", "double precision"},
    Alias{"float", "double precision"},
    Alias{"decimal", "numeric"},
    Alias{"timestamptz", "timestamp with time zone"},
    Alias{"timestamp", "timestamp without time zone"},
    Alias{"time", "time without time zone"},
    Alias{"timetz", "time with time zone"},
    Alias{"varbit", "bit varying"},
};

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Lower case outside quotes, one space between words, none around punctuation.
std::string tidy(std::string_view type) {
  std::string result;
  bool quoted = false;
  bool space = false;
  for (const char c : type) {
    if (!quoted && is_space(c)) {
      space = true;
      continue;
    }
    const bool punctuation = !quoted && (c == '(' || c == ')' || c == ',' || c == '.');
    const bool after_opening =
        !result.empty() && std::string_view("(,.").find(result.back()) != std::string_view::npos;
    if (space && !result.empty() && !punctuation && !after_opening) result += ' ';
    space = false;
    if (c == '"') quoted = !quoted;
    result += quoted ? c : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

}  // namespace

std::string normalise_type(std::string_view type) {
  std::string name = tidy(type);
  constexpr std::string_view kSystemSchema = "pg_catalog.";
  if (name.starts_with(kSystemSchema)) name.erase(0, kSystemSchema.size());
  std::string rest;
  if (const auto open = name.find_first_of("(["); open != std::string::npos) {
    rest = name.substr(open);
    name.resize(open);
  }
  if (rest.ends_with(" time zone")) return name + rest;
  for (const auto& [alias, full] : kAliases) {
    if (name != alias) continue;
    name = full;
    if (full.ends_with(" time zone")) {
      // The precision stands in the middle: timestamp(3) with time zone.
      const auto end = full.find(' ');
      name.resize(end);
      rest += full.substr(end);
    }
    break;
  }
  // format_type() spells out the length that a bare char has.
  if (name == "character" && !rest.starts_with('(')) rest.insert(0, "(1)");
  return name + rest;
}

TypeFamily type_family(std::string_view normalised) {
  if (normalised == "integer" || normalised == "bigint" || normalised == "smallint") {
    return TypeFamily::kInteger;
  }
  if (normalised == "uuid") return TypeFamily::kUuid;
  if (normalised.ends_with(']')) return TypeFamily::kOther;
  if (normalised == "text" || normalised == "citext" || normalised == "name" ||
      normalised == "bpchar" || normalised.starts_with("character")) {
    return TypeFamily::kText;
  }
  return TypeFamily::kOther;
}

bool same_family(std::string_view a, std::string_view b) {
  const TypeFamily family = type_family(a);
  return family == type_family(b) && (family != TypeFamily::kOther || a == b);
}

}  // namespace pgbackfill::planner
