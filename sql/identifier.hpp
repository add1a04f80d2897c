#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace pgbackfill::sql {

/// Quotes a name for SQL text, always with double quotes ("a" and "A" stay apart).
std::string quote_identifier(std::string_view name);

/// Quotes a value for SQL text; safe under either setting of standard_conforming_strings.
std::string quote_literal(std::string_view value);

/// Longest identifier PostgreSQL keeps, in bytes (NAMEDATALEN - 1).
inline constexpr std::size_t kMaxIdentifierBytes = 63;

/// `name`, or where it is longer than an identifier may be, its beginning followed by a hash of
/// the whole: stable, and distinct for names that differ only past the limit. Cuts between UTF-8
/// characters.
std::string fit_identifier(std::string_view name);

/// A schema-qualified name of a table or type.
struct QualifiedName {
  std::string schema;
  std::string name;

  /// "schema"."name", for SQL.
  std::string quoted() const;
  /// schema.name without needless quotes, for people. Leaves out the schema when it is `implied`.
  std::string display(std::string_view implied = "public") const;

  auto operator<=>(const QualifiedName&) const = default;
};

/// Reads `name` or `schema.name` (parts may be double-quoted) as written in a migration file;
/// unquoted parts keep their case. Throws std::invalid_argument when it is not such a name.
QualifiedName parse_qualified_name(std::string_view text, std::string_view default_schema);

}  // namespace pgbackfill::sql
