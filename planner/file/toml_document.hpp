#pragma once

#include "planner/job_spec.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

struct TomlEntry;

/// A value of a TOML document with its place, as plain data.
struct TomlValue {
  enum class Kind { kString, kInteger, kFloat, kBoolean, kDate, kArray, kTable };
  Kind kind = Kind::kTable;
  /// Of a string its value; of a number or boolean how SQL would write it.
  std::string text;
  std::int64_t integer = 0;
  bool boolean = false;
  std::vector<TomlValue> elements;  ///< kArray
  std::vector<TomlEntry> entries;   ///< kTable, in the order of the file
  Position position;

  /// Entry of a table by key; nullptr when there is none.
  const TomlValue* find(std::string_view key) const;
};

struct TomlEntry {
  std::string key;
  Position position;  ///< of the key
  TomlValue value;
};

/// "a string", "an array", … for messages.
std::string_view article_and_kind(TomlValue::Kind kind);

/// Reads a TOML document; `file` goes into the positions. Defects (the first syntax error, strings
/// with a NUL character, nesting too deep to be meant) are appended to `errors`; what remains is
/// returned.
TomlValue parse_toml(std::string_view text, const std::string& file,
                     std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
