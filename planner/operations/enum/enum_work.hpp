#pragma once

#include "planner/operations/enum/enum_spec.hpp"
#include "sql/catalog.hpp"
#include "sql/identifier.hpp"
#include "sql/result.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

struct EnumColumnWork {
  const sql::Table* table = nullptr;
  const sql::Column* column = nullptr;
  bool array = false;    ///< of the type
  std::string label;     ///< of the table
  std::string shadow;    ///< name of the new column until the swap
  std::string old_name;  ///< name of the old column after the swap
};

/// How an enum type gets its labels.
enum class EnumPath {
  kNone,    ///< it has them
  kRename,  ///< RENAME VALUE and ADD VALUE: no row is touched
  kShadow,  ///< a new type, shadow columns and a swap
};

struct EnumWork {
  const EnumSpec* spec = nullptr;
  const sql::EnumType* type = nullptr;
  EnumPath path = EnumPath::kNone;
  std::vector<std::pair<std::string, std::string>> remap;  ///< every mapped label of the catalog
  std::vector<std::string> unmapped;  ///< labels of the catalog that nothing maps into the new list
  std::vector<EnumColumnWork> columns;
  sql::QualifiedName shadow_type;

  /// Its rows get different labels by a condition.
  bool splits(const std::string& label) const { return spec->when.contains(label); }

  sql::QualifiedName old_type;  ///< what the type is called after the swap
  /// Oids of indexes and constraints that are built again in the swap, because they lie over
  /// something that is (a generated column, a function): note_what_is_built_anew() finds them.
  std::set<std::string> built_anew;
  /// What it found, which the server takes long to find.
  std::shared_ptr<const sql::Result> dependents;
};

/// Of every [[enum]] whose type the database has.
std::optional<EnumWork> resolve_enum(const JobSpec& spec, const sql::Catalog& catalog,
                                     const EnumSpec& enum_spec);

}  // namespace pgbackfill::planner
