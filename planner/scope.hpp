#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "sql/catalog.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// Schema of everything that the job keeps in the target database.
inline constexpr std::string_view kLedgerSchema = "pgbackfill";

/// One column whose rows get values: the tenant column of a [[table]], or a [[column]]. As it
/// stands in the database; pointers live as long as spec and catalog.
struct ValueWork {
  const TableSpec* spec = nullptr;          ///< nullptr for a [[column]]
  const ColumnSpec* column_spec = nullptr;  ///< nullptr for a [[table]]
  const sql::Table* table = nullptr;
  std::string label;                    ///< of the table, as people and step ids name it
  std::string name;                     ///< of the column
  std::string type;                     ///< of the column, as the server spells it
  const sql::Column* column = nullptr;  ///< nullptr while there is none
  const ValueSource* source = nullptr;  ///< nullptr when none is given
  bool needs_value = false;             ///< rows may lack a value: the column is not NOT NULL yet
  bool by_catalog = false;              ///< ADD COLUMN … DEFAULT does all rows at once
  bool not_null = true;                 ///< it becomes NOT NULL
  std::string default_after;            ///< the default that it has in the end, as SQL

  /// What names of our own objects end with, so that the columns of a table keep apart.
  std::string detail() const { return spec != nullptr ? std::string() : name; }
  /// kParent: the column of the parent that is read.
  const std::string& parent_column() const {
    return source->column.empty() ? name : source->column;
  }
};

/// A value that one operation is going to insert, for those that look whether it will be there.
struct ComingValue {
  sql::QualifiedName table;
  std::string column;
  std::string value;
  std::string query;  ///< instead of column and value: rows of the table
};

/// The migration file against the database: what there is to do, before how.
/// The lists hold what the other operations find.
struct Scope : TypedLists {
  std::vector<ValueWork> tables;   ///< the tenant column of each [[table]]
  std::vector<ValueWork> columns;  ///< each [[column]]
  std::vector<std::string> notes;
  sql::QualifiedName references;  ///< empty without [tenant]
  /// How each lookup's keys are kept in the database: bigint or uuid where every column that uses
  /// it is of that family, else text.
  std::map<std::string, std::string, std::less<>> lookup_keys;
  std::map<sql::QualifiedName, std::size_t> places;  ///< of the first of each name in `tables`

  /// Tables, then columns.
  std::vector<const ValueWork*> values() const;
  /// The tenant column of the table; nullptr where the job gives it none.
  const ValueWork* tenant_column(const sql::QualifiedName& table) const;
};

/// Names that the database does not have are left out (check_against_catalog reports them).
Scope resolve_scope(const JobSpec& spec, const sql::Catalog& catalog);

/// The tables that hold the rows: the leaves of a partitioned table, else the table itself.
std::vector<const sql::Table*> physical_tables(const sql::Catalog& catalog,
                                               const sql::Table& table);

/// The column of `parent` that `via` points to: by foreign key, else the parent's single-column
/// primary key. nullopt when neither tells.
std::optional<std::string> parent_key(const sql::Table& table, const std::string& via,
                                      const sql::Table& parent);

/// The index has the column among its keys or included columns.
bool index_uses(const sql::Index& index, const std::string& column);

/// A template of the migration file with {table}, {column} and {references} filled in, fitted.
std::string expand_name(std::string_view pattern, const TenantSpec& tenant,
                        const sql::QualifiedName& table, const sql::QualifiedName& references);

/// Every index that the table is to have: those listed, then the default one unless a listed one
/// leads with the tenant column.
std::vector<IndexSpec> wanted_indexes(const TenantSpec& tenant, const ValueWork& work,
                                      const sql::QualifiedName& references);

/// An existing foreign key that does what the job would add (any name), or nullptr.
const sql::ForeignKey* equal_foreign_key(const ValueWork& work, const TenantSpec& tenant,
                                         const sql::QualifiedName& references);

/// What a pg_class.relkind is, for people: "a view", "a foreign table", …
std::string_view kind_of(char relkind);

/// `word` occurs in `text`, not as a part of a longer word.
bool mentions_word(std::string_view text, std::string_view word);

/// What there is to do for a column that gets values, beside what is known of it.
void resolve_value(const JobSpec& spec, ValueWork& work);

/// See Scope::lookup_keys.
std::string lookup_key_type(const Scope& scope, std::string_view lookup);

}  // namespace pgbackfill::planner
