#include "planner/file/toml_section.hpp"

#include "planner/file/nearest_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace pgbackfill::planner {

using Kind = TomlValue::Kind;

TomlSection::TomlSection(const TomlValue& table, std::string title, std::vector<std::string> known,
                         std::vector<SpecError>& errors)
    : table_(table), title_(std::move(title)), errors_(errors) {
  for (const TomlEntry& entry : table.entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    report(entry.position,
           fmt::format("unknown key \"{}\"{}", entry.key, did_you_mean(entry.key, known)));
  }
}

void TomlSection::report(const Position& position, std::string_view message) const {
  errors_.push_back(
      {position, title_.empty() ? std::string(message) : fmt::format("{} {}", title_, message)});
}

void TomlSection::require(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) {
    if (!has(key)) report(position(), fmt::format("needs the key \"{}\"", key));
  }
}

const TomlValue* TomlSection::find(std::string_view key, Kind kind) const {
  const TomlValue* value = table_.find(key);
  if (value == nullptr || value->kind == kind) return value;
  report(value->position, fmt::format("\"{}\" must be {}, not {}", key, article_and_kind(kind),
                                      article_and_kind(value->kind)));
  return nullptr;
}

std::optional<std::string> TomlSection::text(std::string_view key) const {
  const TomlValue* value = find(key, Kind::kString);
  if (value == nullptr) return std::nullopt;
  if (value->text.empty()) {
    report(value->position, fmt::format("\"{}\" is empty", key));
    return std::nullopt;
  }
  return value->text;
}

std::optional<bool> TomlSection::boolean(std::string_view key) const {
  const TomlValue* value = find(key, Kind::kBoolean);
  return value == nullptr ? std::nullopt : std::optional(value->boolean);
}

std::vector<PlacedText> TomlSection::texts(std::string_view key) const {
  const TomlValue* array = find(key, Kind::kArray);
  if (array == nullptr) return {};
  if (array->elements.empty()) report(array->position, fmt::format("\"{}\" is empty", key));
  std::vector<PlacedText> result;
  std::set<std::string> seen;
  for (const TomlValue& element : array->elements) {
    if (element.kind != Kind::kString) {
      report(element.position, fmt::format("\"{}\" must hold strings only, not {}", key,
                                           article_and_kind(element.kind)));
    } else if (element.text.empty()) {
      report(element.position, fmt::format("\"{}\" holds an empty string", key));
    } else if (!seen.insert(element.text).second) {
      report(element.position, fmt::format("\"{}\" names \"{}\" twice", key, element.text));
    } else {
      result.push_back({element.text, element.position});
    }
  }
  return result;
}

std::vector<std::pair<PlacedText, PlacedText>> TomlSection::text_map(std::string_view key) const {
  const TomlValue* table = find(key, Kind::kTable);
  if (table == nullptr) return {};
  std::vector<std::pair<PlacedText, PlacedText>> result;
  for (const TomlEntry& entry : table->entries) {
    if (entry.value.kind != Kind::kString) {
      report(entry.value.position, fmt::format("\"{}.{}\" must be a string, not {}", key, entry.key,
                                               article_and_kind(entry.value.kind)));
      continue;
    }
    result.push_back({{entry.key, entry.position}, {entry.value.text, entry.value.position}});
  }
  return result;
}

std::optional<std::string> TomlSection::scalar(std::string_view key) const {
  const TomlValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  return scalar_text(*value, fmt::format("{} \"{}\"", title_, key), errors_);
}

void TomlSection::report_choice(const TomlValue& value, std::string_view key,
                                const std::vector<std::string>& names) const {
  report(value.position,
         fmt::format("\"{}\" must be one of {}, not \"{}\"{}", key, fmt::join(names, ", "),
                     value.text, did_you_mean(value.text, names)));
}

std::optional<std::string> scalar_text(const TomlValue& value, std::string_view what,
                                       std::vector<SpecError>& errors) {
  switch (value.kind) {
    case Kind::kString:
    case Kind::kInteger:
    case Kind::kFloat:
    case Kind::kBoolean:
      return value.text;
    case Kind::kDate:
    case Kind::kArray:
    case Kind::kTable:
      break;
  }
  errors.push_back({value.position, fmt::format("{} must be a string, number or boolean, not {}",
                                                what, article_and_kind(value.kind))});
  return std::nullopt;
}

}  // namespace pgbackfill::planner
