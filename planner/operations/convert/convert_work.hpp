#pragma once

#include "planner/operations/convert/convert_spec.hpp"
#include "planner/plan/foreign_keys.hpp"
#include "planner/scope.hpp"
#include "sql/catalog.hpp"
#include "sql/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// A column that a [[convert]] names and that is not of its type yet.
struct ConvertColumn {
  const sql::Table* table = nullptr;
  const sql::Column* column = nullptr;
  std::string label;     ///< of the table
  std::string type;      ///< that it gets
  std::string shadow;    ///< the new column's name until the swap
  std::string old_name;  ///< the old column's name after it

  /// "table.column", for people.
  std::string shown() const { return label + "." + column->name; }
};

/// The columns of one table, in the order of the file.
struct ConvertTable {
  const sql::Table* table = nullptr;
  std::string label;
  std::vector<const ConvertColumn*> columns;

  const ConvertColumn* find(std::string_view column) const;
};

/// A foreign key with a converted column at one end or both.
struct ConvertKey : ForeignKeyParts {
  /// Its name while it lies between the new columns and the old one still stands.
  std::string shadow_name() const;
};

/// What has to change hands in one transaction: tables that foreign keys connect.
struct ConvertGroup {
  std::vector<ConvertTable> tables;
  std::vector<ConvertKey> keys;

  const ConvertColumn* find(const sql::QualifiedName& table, std::string_view column) const;
  std::string label() const { return tables.front().label; }
};

/// Every column that a [[convert]] names and the database has.
void resolve_convert(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope);
/// The column is named by a [[convert]], whether or not it is of its type already.
bool convert_names(const JobSpec& spec, const sql::QualifiedName& table, std::string_view column);

/// The foreign keys from or to columns of the scope.
std::vector<ConvertKey> read_convert_keys(sql::Connection& connection, const Scope& scope);
std::vector<ConvertGroup> convert_groups(sql::Connection& connection, const Scope& scope);

/// The clause of a foreign key, its converted columns by the names that they have after the swap
/// or, where `shadows`, before.
std::string foreign_key_clause(const ConvertGroup& group, const ConvertKey& key, bool shadows);

/// Whether values of a type can be converted, and how. `row`: an alias, NEW or OLD.
bool can_convert(const sql::Column& column, std::string_view type);
/// The new value, from the old one under the name `from`.
std::string new_value(const ConvertColumn& column, std::string_view row);
/// The old form of a new value, which by then has the column's name; NULL where it has none.
std::string old_value(const ConvertColumn& column, std::string_view row);
/// The same of any expression of the new type.
std::string old_form(const ConvertColumn& column, const std::string& value);
/// Whether an integer is one of the old type.
std::string fits_old_integer(const ConvertColumn& column, const std::string& value);
/// Length of a varchar or char; nullopt for one without.
std::optional<int> text_length(const sql::Column& column);

/// What a column's default becomes.
struct ConvertedDefault {
  bool understood = true;
  std::string expression;  ///< empty: none
  std::string why_not;     ///< the server's words
};
ConvertedDefault convert_default(sql::Connection& connection, const ConvertColumn& column);

/// An index over a converted column, and how to build it over the new ones.
struct ConvertIndex {
  std::string name;
  std::string shadow_name;  ///< until the swap
  std::string kept_name;    ///< of what stays on the old columns after it
  bool unique = false;
  bool primary = false;
  bool constraint = false;  ///< a UNIQUE constraint's
  bool clustered = false;
  std::string definition;
  std::string old_definition;         ///< over the old columns
  std::string kept_definition;        ///< the same by the names that they have after the swap
  std::vector<std::string> comments;  ///< statements
};
std::vector<ConvertIndex> convert_indexes(sql::Connection& connection, const ConvertTable& table);

/// Statements that hand the sequence of a serial or identity column from one column to another,
/// with the type that the latter has; none where it has no sequence.
struct SequenceHandover {
  std::vector<std::string> forth;  ///< run after the swap: from the old column to the new one
  std::vector<std::string> back;   ///< run after the columns have their old names again
};
SequenceHandover hand_over_sequences(sql::Connection& connection, const ConvertColumn& column);

/// Questions for Step::losses: sequences of the column that have come beyond its old type.
std::vector<std::string> sequences_beyond(sql::Connection& connection, const ConvertColumn& column);

}  // namespace pgbackfill::planner
