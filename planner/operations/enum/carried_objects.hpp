#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/operations/enum/label_rewriter.hpp"
#include "planner/scope.hpp"
#include "sql/connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// An object that reads a column of a replaced type, or names the type: it is dropped and created
/// again, its labels mapped, in the swap's own transaction.
struct CarriedObject {
  std::string kind;      ///< of the statement "carried_…" that tells how to drop and to create it
  std::string id;        ///< "pg_class 12345"
  std::string object;    ///< its oid
  std::string identity;  ///< as dependents_now() tells it
  std::string description;
  std::vector<std::string> needs;  ///< ids of carried objects that must exist before it
  bool stored = false;             ///< a materialized view
  bool populated = true;
  std::string name;  ///< relations: quoted
  /// Oid of the table that is read or written as a whole when it is created; "0": none
  std::string built_from;
  std::optional<sql::QualifiedName> partition;  ///< has it by itself, and may be gone by the swap
  std::vector<std::string> drop;
  std::vector<std::string> create;
  RewrittenText rewritten;  ///< what was met in all of it; its text is empty
};

struct Carried {
  std::vector<CarriedObject> objects;  ///< in the order in which they are created
  std::vector<std::string> obstacles;  ///< descriptions of what depends on them and cannot follow
};

/// Works on the order of the objects alone. Throws std::runtime_error when two need each other.
std::vector<CarriedObject> in_creation_order(std::vector<CarriedObject> objects);
/// Views first, as far as dependencies allow: a reader locks a view before its tables, and whoever
/// locks in the other order may end in a deadlock with it.
std::vector<const CarriedObject*> in_drop_order(const std::vector<CarriedObject>& objects);

/// How the labels read once `work`'s type is swapped: those of types swapped before it are new by
/// then, those of later ones still old.
LabelRules label_rules(const Scope& scope, const EnumWork& work);

/// The query that finds them, complete: it holds no parameter.
std::string carried_query(const EnumWork& work);

/// Sets EnumWork::built_anew. REQUIRES: no transaction is open.
void note_what_is_built_anew(sql::Connection& connection, Scope& scope);

/// REQUIRES: no transaction is open.
Carried carried_objects(sql::Connection& connection, const Scope& scope, const EnumWork& work);

}  // namespace pgbackfill::planner
