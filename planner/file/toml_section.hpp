#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/job_spec.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

struct PlacedText {
  std::string text;
  Position position;
};

/// Typed reading of one table of the migration file. Nothing throws: a defect goes to `errors`
/// and the reader gets nothing, so that one run reports everything.
class TomlSection {
 public:
  /// `title` begins each message: "[run]". Keys that are not `known` are reported at once.
  /// `table` and `errors` must outlive the section.
  TomlSection(const TomlValue& table, std::string title, std::vector<std::string> known,
              std::vector<SpecError>& errors);

  const Position& position() const noexcept { return table_.position; }
  const std::string& title() const noexcept { return title_; }
  std::vector<SpecError>& errors() const noexcept { return errors_; }

  bool has(std::string_view key) const { return table_.find(key) != nullptr; }
  /// Reports each key that is absent.
  void require(std::initializer_list<std::string_view> keys) const;
  /// The value whatever its type; nullptr when absent.
  const TomlValue* find(std::string_view key) const { return table_.find(key); }
  /// The value when it is of this kind; another kind is reported.
  const TomlValue* find(std::string_view key, TomlValue::Kind kind) const;

  /// A string that is not empty.
  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  /// An array of one or more distinct strings, none empty.
  std::vector<PlacedText> texts(std::string_view key) const;
  /// A table of strings.
  std::vector<std::pair<PlacedText, PlacedText>> text_map(std::string_view key) const;
  /// A string, number or boolean, as text.
  std::optional<std::string> scalar(std::string_view key) const;
  /// One of the named values.
  template <typename T>
  std::optional<T> choice(std::string_view key,
                          std::initializer_list<std::pair<std::string_view, T>> choices) const;

  /// Appends "<title> <message>" at `position`.
  void report(const Position& position, std::string_view message) const;

 private:
  void report_choice(const TomlValue& value, std::string_view key,
                     const std::vector<std::string>& names) const;

  const TomlValue& table_;
  std::string title_;
  std::vector<SpecError>& errors_;
};

template <typename T>
std::optional<T> TomlSection::choice(
    std::string_view key, std::initializer_list<std::pair<std::string_view, T>> choices) const {
  const TomlValue* value = find(key, TomlValue::Kind::kString);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> names;
  for (const auto& [name, result] : choices) {
    if (value->text == name) return result;
    names.emplace_back(name);
  }
  report_choice(*value, key, names);
  return std::nullopt;
}

/// A string, number or boolean as text; anything else is reported with `what` in front.
std::optional<std::string> scalar_text(const TomlValue& value, std::string_view what,
                                       std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
