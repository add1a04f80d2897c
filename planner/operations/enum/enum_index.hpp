#pragma once

#include "planner/operations/enum/enum_sql.hpp"
#include "planner/operations/enum/enum_work.hpp"
#include "planner/operations/enum/label_rewriter.hpp"
#include "planner/scope.hpp"
#include "sql/connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// The index of a partition that belongs to a partitioned table's.
struct IndexPart {
  std::string name;
  sql::QualifiedName table;
  bool partitioned = false;  ///< the table is, in turn
  std::optional<std::string> comment;
  std::optional<std::string> constraint_comment;
  bool clustered = false;
  bool replica_identity = false;
};

/// An index that has a column of a replaced type among its keys, or a label in its text, and how
/// to build it over the shadows.
struct EnumIndex {
  const sql::Index* index = nullptr;
  std::string shadow_name;            ///< until the swap
  std::string aside_name;             ///< of the former one after the swap
  std::string definition;             ///< what follows the table's name in CREATE INDEX
  std::string definition_in_place;    ///< the same over the columns that it has, text as it is
  std::vector<std::string> keys;      ///< over the shadows, without order and operator class
  std::string predicate;              ///< over the shadows; empty when it has none
  std::string object;                 ///< its oid
  std::string constraint_object;      ///< oid of its constraint; empty when it has none
  char constraint_kind = ' ';         ///< p, u or x
  std::string constraint_definition;  ///< when built_as_constraint(), over the shadows
  bool deferrable = false;
  std::vector<std::string> keys_to_it;  ///< oids of the foreign keys that lead to it
  bool nulls_alike = false;
  std::optional<std::string> comment;
  std::optional<std::string> constraint_comment;
  std::vector<std::string> targets;  ///< "2 100": statistics target of an expression
  RewrittenText rewritten;           ///< what was met; its text is empty
  /// Of a partitioned table: the indexes of its partitions, parents first.
  std::vector<IndexPart> parts;
  std::string constraint_clause;  ///< over the columns as they are called before and after
  std::vector<std::string> storage_changes;  ///< "SET (fillfactor = '70')", "SET TABLESPACE s"

  /// The server makes an exclusion constraint of no index that is there already; and a unique index
  /// would not wait for the end of a transaction, as a deferrable constraint does.
  bool built_as_constraint() const { return constraint_kind == 'x' || deferrable; }
};

/// Makes the labels of the type and of its domains known, and what they read as behind the swap.
void add_label_types(const EnumWork& work, LabelRules& rules);

/// The rules for what is built before the swap, and the same over the shadows of `table`.
LabelRules shadow_rules(const EnumWork& work);
LabelRules shadow_rules(const EnumWork& work, const sql::Table& table);

/// The column's default over the new type. REQUIRES: it has one, and no transaction is open.
RewrittenText rewritten_default(sql::Connection& connection, const EnumWork& work,
                                const EnumColumnWork& column);

/// To build the index, or what stands in for it, under this name. Of a partitioned table's
/// constraint nothing but the leaves' parts: it takes them in, and makes the indexes above them.
IndexRequest index_request(const EnumTable& columns, const EnumIndex& index,
                           const std::string& name, const std::string& definition);

/// Builds the index over the shadows.
void add_shadow_index(PlanContext& context, const EnumTable& columns, const EnumIndex& index);

/// The indexes of `table` that a swap of `work`'s type has to carry over. REQUIRES: no transaction
/// is open.
std::vector<EnumIndex> enum_indexes(sql::Connection& connection, const EnumWork& work,
                                    const sql::Table& table);

}  // namespace pgbackfill::planner
