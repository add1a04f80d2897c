#pragma once

#include "planner/file/toml_section.hpp"

#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// `section` with the name in it, for messages: [[table]] "bookings".
std::string titled(std::string_view section, const TomlValue& value, std::string_view name_key);

/// Reports a text that is not `name` or `schema.name`.
void check_name(const TomlSection& section, std::string_view key, const PlacedText& name);

/// Reports an identifier that PostgreSQL would cut off.
void check_length(const TomlSection& section, std::string_view key, const PlacedText& name);

/// Reports placeholders other than {table}, {column} and {references}.
void check_template(const TomlSection& section, std::string_view key, const PlacedText& text);

}  // namespace pgbackfill::planner
