#include "planner/file/toml_document.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <tuple>

namespace pgbackfill::planner {
namespace {

constexpr int kDeepest = 16;
constexpr int kMostDotsInLine = 250;

Position place(const std::string& file, const toml::source_position& at) {
  return {file, static_cast<int>(at.line), static_cast<int>(at.column)};
}

// The library limits nested brackets but not dotted keys; a key of many thousand parts would
// overflow the stack when its tables are destroyed. Nothing meant has so many dots in a line.
std::optional<Position> endless_dotted_key(std::string_view text, const std::string& file) {
  Position position{file, 1, 0};
  int dots = 0;
  for (const char c : text) {
    ++position.column;
    if (c == '\n') {
      ++position.line;
      position.column = 0;
      dots = 0;
    } else if (c == '.' && ++dots > kMostDotsInLine) {
      return position;
    }
  }
  return std::nullopt;
}

class Converter {
 public:
  Converter(const std::string& file, std::vector<SpecError>& errors)
      : file_(file), errors_(errors) {}

  TomlValue convert(const toml::node& node, int depth) {
    using Kind = TomlValue::Kind;
    TomlValue value;
    value.position = place(file_, node.source().begin);
    if (const auto* table = node.as_table()) {
      value.kind = Kind::kTable;
      if (!too_deep(value, depth)) fill_table(*table, value, depth);
    } else if (const auto* array = node.as_array()) {
      value.kind = Kind::kArray;
      if (!too_deep(value, depth)) {
        for (const toml::node& element : *array) {
          value.elements.push_back(convert(element, depth + 1));
        }
      }
    } else if (const auto* text = node.as_string()) {
      value.kind = Kind::kString;
      value.text = text->get();
      refuse_nul(value.text, value.position);
    } else if (const auto* integer = node.as_integer()) {
      value.kind = Kind::kInteger;
      value.integer = integer->get();
      value.text = fmt::format("{}", value.integer);
    } else if (const auto* number = node.as_floating_point()) {
      value.kind = Kind::kFloat;
      value.text = fmt::format("{}", number->get());
    } else if (const auto* boolean = node.as_boolean()) {
      value.kind = Kind::kBoolean;
      value.boolean = boolean->get();
      value.text = value.boolean ? "true" : "false";
    } else {
      value.kind = Kind::kDate;
    }
    return value;
  }

 private:
  bool too_deep(const TomlValue& value, int depth) {
    if (depth < kDeepest) return false;
    errors_.push_back({value.position, "nested too deeply for a migration file"});
    return true;
  }

  void refuse_nul(const std::string& text, const Position& position) {
    if (text.find('\0') == std::string::npos) return;
    errors_.push_back({position, "contains a NUL character, which PostgreSQL cannot store"});
  }

  void fill_table(const toml::table& table, TomlValue& value, int depth) {
    for (const auto& [key, node] : table) {
      TomlEntry entry{std::string(key.str()), place(file_, key.source().begin),
                      convert(node, depth + 1)};
      refuse_nul(entry.key, entry.position);
      value.entries.push_back(std::move(entry));
    }
    // The library keeps keys sorted by name.
    std::sort(value.entries.begin(), value.entries.end(),
              [](const TomlEntry& a, const TomlEntry& b) {
                return std::tie(a.position.line, a.position.column) <
                       std::tie(b.position.line, b.position.column);
              });
  }

  const std::string& file_;
  std::vector<SpecError>& errors_;
};

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
  for (const TomlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string_view article_and_kind(TomlValue::Kind kind) {
  switch (kind) {
    case TomlValue::Kind::kString:
      return "a string";
    case TomlValue::Kind::kInteger:
      return "an integer";
    case TomlValue::Kind::kFloat:
      return "a fractional number";
    case TomlValue::Kind::kBoolean:
      return "a boolean";
    case TomlValue::Kind::kDate:
      return "a date or time";
    case TomlValue::Kind::kArray:
      return "an array";
    case TomlValue::Kind::kTable:
      return "a table";
  }
  return "a value";
}

TomlValue parse_toml(std::string_view text, const std::string& file,
                     std::vector<SpecError>& errors) {
  if (const auto position = endless_dotted_key(text, file)) {
    errors.push_back({*position, "a line with so many dots cannot be meant; break it up"});
    return {};
  }
  try {
    const toml::table document = toml::parse(text);
    return Converter(file, errors).convert(document, 0);
  } catch (const toml::parse_error& error) {
    errors.push_back({place(file, error.source().begin),
                      fmt::format("not valid TOML: {}", error.description())});
  } catch (const std::exception& error) {
    errors.push_back({{file, 1, 1}, fmt::format("not valid TOML: {}", error.what())});
  }
  return {};
}

}  // namespace pgbackfill::planner
