#include "planner/file/section_checks.hpp"

#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <stdexcept>

namespace pgbackfill::planner {

std::string titled(std::string_view section, const TomlValue& value, std::string_view name_key) {
  const TomlValue* name = value.find(name_key);
  if (name == nullptr || name->kind != TomlValue::Kind::kString || name->text.empty()) {
    return std::string(section);
  }
  return fmt::format("{} \"{}\"", section, name->text);
}

void check_name(const TomlSection& section, std::string_view key, const PlacedText& name) {
  try {
    static_cast<void>(sql::parse_qualified_name(name.text, "public"));
  } catch (const std::invalid_argument& error) {
    section.report(name.position, fmt::format("\"{}\": {}", key, error.what()));
  }
}

void check_length(const TomlSection& section, std::string_view key, const PlacedText& name) {
  if (name.text.size() <= sql::kMaxIdentifierBytes) return;
  section.report(name.position,
                 fmt::format("\"{}\": \"{}\" is {} bytes long; PostgreSQL keeps {}", key, name.text,
                             name.text.size(), sql::kMaxIdentifierBytes));
}

void check_template(const TomlSection& section, std::string_view key, const PlacedText& text) {
  constexpr std::string_view kAllowed = "only {table}, {column} and {references} are filled in";
  std::string_view rest = text.text;
  while (true) {
    const std::size_t brace = rest.find_first_of("{}");
    if (brace == std::string_view::npos) return;
    const std::size_t close = rest.find('}', brace);
    if (rest[brace] == '}' || close == std::string_view::npos) {
      section.report(text.position,
                     fmt::format("\"{}\" has a brace without its partner; {}", key, kAllowed));
      return;
    }
    const std::string_view placeholder = rest.substr(brace, close - brace + 1);
    if (placeholder != "{table}" && placeholder != "{column}" && placeholder != "{references}") {
      section.report(text.position, fmt::format("\"{}\" has the unknown placeholder {}; {}", key,
                                                placeholder, kAllowed));
    }
    rest.remove_prefix(close + 1);
  }
}

std::optional<std::string> read_type(const TomlSection& section) {
  const auto text = section.text("type");
  if (!text) return std::nullopt;
  const bool plain = std::all_of(text->begin(), text->end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 ||
           std::string_view(" _(),.\"[]").find(static_cast<char>(c)) != std::string_view::npos;
  });
  const bool quotes_closed = std::count(text->begin(), text->end(), '"') % 2 == 0;
  if (plain && quotes_closed) return text;
  section.report(section.find("type")->position,
                 fmt::format("\"type\": \"{}\" is not the name of a type", *text));
  return std::nullopt;
}

}  // namespace pgbackfill::planner
