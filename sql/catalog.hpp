#pragma once

#include "sql/connection.hpp"
#include "sql/identifier.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::sql {

struct Column {
  int attnum = 0;
  std::string name;
  std::string type;         ///< format_type(), schema-qualified only where needed
  QualifiedName type_name;  ///< pg_type schema and name
  char type_kind = 'b';     ///< pg_type.typtype: b base, e enum, d domain, c composite, r range
  bool not_null = false;    ///< enforced for every row (false while PG 18's is NOT VALID)
  std::optional<std::string> default_expression;
  bool generated = false;
  bool identity = false;
  std::string collation;   ///< of key columns; empty when the type has none
  bool inherited = false;  ///< comes from a parent table or partition root
};

struct Index {
  std::string name;
  bool unique = false;
  bool primary = false;
  bool valid = false;  ///< indisvalid, indisready and indislive
  bool immediate = true;
  bool partial = false;
  bool has_expressions = false;
  bool backs_constraint = false;  ///< PRIMARY KEY, UNIQUE or EXCLUDE constraint
  bool replica_identity = false;
  bool clustered = false;
  std::string method;                 ///< btree, gin, …
  std::vector<std::string> columns;   ///< key columns in order; "" for an expression
  std::vector<std::string> included;  ///< INCLUDE columns
  std::vector<std::string>
      mentioned;           ///< every column the index depends on, expressions and predicate too
  std::string definition;  ///< pg_get_indexdef()
};

struct ForeignKey {
  std::string name;
  std::vector<std::string> columns;
  QualifiedName referenced;
  std::vector<std::string> referenced_columns;
  char on_delete = 'a';  ///< pg_constraint.confdeltype: a no action, r restrict, c cascade, n set
                         ///< null, d default
  bool validated = false;
};

struct Check {
  std::string name;
  std::string definition;  ///< pg_get_constraintdef()
  std::vector<std::string> columns;
  bool validated = false;
};

struct Table {
  QualifiedName name;
  std::uint32_t oid = 0;
  char kind = 'r';  ///< pg_class.relkind
  char persistence = 'p';
  bool is_partition = false;
  bool inheritance_parent = false;  ///< plain inheritance, not partitioning
  bool inheritance_child = false;
  bool row_security_active = false;  ///< row policies apply to the connected role
  bool owned = false;  ///< the connected role may ALTER it (is, or is member of, the owner)
  std::string owner;
  bool row_type_used = false;  ///< another table has a column of this table's row type
  std::string access_method;   ///< heap for ordinary tables
  double reltuples = -1;       ///< planner's estimate, -1 when never analyzed
  std::int64_t blocks = 0;     ///< pg_relation_size / block size, main fork
  int fillfactor = 100;        ///< storage parameter of the heap
  char citus = ' ';  ///< kept by Citus: d distributed, r reference, l local; ' ': it is not
  std::vector<QualifiedName> leaves;  ///< of a partitioned table: its leaf partitions
  std::vector<Column> columns;        ///< live columns by attnum
  std::vector<Index> indexes;
  std::vector<ForeignKey> foreign_keys;
  std::vector<Check> checks;
  std::vector<std::string> triggers;  ///< user triggers
  /// One of the application's BEFORE UPDATE row triggers may set columns that the statement does not.
  bool updates_set_more = false;

  const Column* column(std::string_view column_name) const;
  const Index* index(std::string_view index_name) const;
  const Index* primary_key() const;
  /// The primary key, or else a valid unique index over NOT NULL columns usable for keysets
  /// (immediate, not partial, no expressions). nullptr when there is none.
  const Index* row_key() const;
};

struct EnumColumn {
  QualifiedName table;
  std::string column;
};

/// An object that depends on an enum type, or on a column of it, other than what the migration
/// carries over by itself; `description` is pg_describe_object() (or names the function whose
/// body mentions it).
struct Dependent {
  QualifiedName table;  ///< empty for dependents of the type itself
  std::string column;
  std::string kind;  ///< classid::regclass text: pg_rewrite, pg_policy, pg_proc, …
  std::string description;
  std::string object;         ///< its oid (of a view, not of its rule); empty for some
  bool only_by_text = false;  ///< a function whose body names a label; the server knows nothing
};

/// A domain over an enum type, over an array of it, or over another such domain.
struct EnumDomain {
  QualifiedName name;
  std::string oid;
  QualifiedName array_type;  ///< of its arrays
  QualifiedName base;        ///< the enum, or another domain over it
  bool over_array = false;   ///< of the base
  bool array = false;        ///< its values are lists of labels
  bool owned = false;
  std::string owner;
};

/// A composite type that columns of tables have, with labels of an enum type in it.
struct EnumComposite {
  struct Attribute {
    std::string name;
    bool labels = false;  ///< it is one of the enum's labels, or a list of them
    bool array = false;   ///< the latter
  };
  QualifiedName name;
  std::string relation;               ///< oid of what pg_class has of it
  std::vector<Attribute> attributes;  ///< live ones, in their order
  std::string obstacle;  ///< what makes more of it than such columns, for people; or empty
  bool owned = false;
  std::string owner;
};

struct EnumType {
  QualifiedName name;
  std::vector<std::string> labels;  ///< in sort order
  bool owned = false;
  std::string owner;
  std::vector<EnumColumn>
      columns;  ///< columns of the type in tables and partitioned tables (not in partitions)
  std::vector<EnumDomain> domains = {};  ///< each after the one it is made of
  std::vector<EnumComposite> composites = {};
};

/// What we know of the database: every table, partitioned table, view, foreign table outside the
/// system's schemas and the ledger's, and every enum type.
struct Catalog {
  int server_version = 0;  ///< 150020
  std::string database;
  std::string current_user;
  bool in_recovery = false;
  bool pooled = false;  ///< a transaction pooler stands between (backend pids differ)
  bool may_create_schema = false;
  bool may_create_temp = false;
  std::int64_t shared_buffers = 0;  ///< in blocks
  bool citus = false;               ///< the extension is installed
  std::vector<Table> tables;
  std::vector<EnumType> enums;
  /// Where in `tables` a name is, as it was read; others are searched for.
  std::map<QualifiedName, std::size_t> places = {};

  const Table* table(const QualifiedName& table_name) const;
  const EnumType* enum_type(const QualifiedName& type_name) const;
};

/// Reads all of it in one REPEATABLE READ, read-only transaction.
Catalog read_catalog(Connection& connection);

/// What stands in the way of replacing `type` (see Dependent). Functions whose body names the
/// type or one of `old_labels` as a literal, together with a table that has such a column, are
/// listed with kind "pg_proc".
std::vector<Dependent> read_enum_dependents(Connection& connection, const EnumType& type,
                                            const std::vector<std::string>& old_labels);

/// Statements that give a new column the privileges, comment, statistics target and options of
/// an old one (in that order), with `new_column` as its name.
std::vector<std::string> column_decoration(Connection& connection, const QualifiedName& table,
                                           std::string_view column, std::string_view new_column);

}  // namespace pgbackfill::sql
