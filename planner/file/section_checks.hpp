#pragma once

#include "planner/file/toml_section.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// `section` with the name in it, for messages: [[table]] "bookings".
std::string titled(std::string_view section, const TomlValue& value, std::string_view name_key);

/// Reports a text that is not `name` or `schema.name`.
void check_name(const TomlSection& section, std::string_view key, const PlacedText& name);

/// Reports an identifier that PostgreSQL would cut off.
void check_length(const TomlSection& section, std::string_view key, const PlacedText& name);

/// The key "type", the name of a type; it goes into SQL as it is written. Anything else is
/// reported.
std::optional<std::string> read_type(const TomlSection& section);

/// Reports placeholders other than {table}, {column} and {references}.
void check_template(const TomlSection& section, std::string_view key, const PlacedText& text);

}  // namespace pgbackfill::planner
