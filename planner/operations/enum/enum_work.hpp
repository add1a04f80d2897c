#pragma once

#include "planner/operations/enum/enum_spec.hpp"
#include "sql/catalog.hpp"
#include "sql/identifier.hpp"
#include "sql/result.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

struct EnumColumnWork {
  const sql::Table* table = nullptr;
  const sql::Column* column = nullptr;
  bool array = false;                             ///< its values are lists of labels
  const sql::EnumDomain* domain = nullptr;        ///< it is of this domain, or
  bool domain_array = false;                      ///< of an array of it
  const sql::EnumComposite* composite = nullptr;  ///< it is of this composite type
  std::string label;                              ///< of the table
  std::string shadow;                             ///< name of the new column until the swap
  std::string old_name;                           ///< name of the old column after the swap
};

/// A domain over the type: it gets a new one beside it, over the new labels.
struct EnumDomainWork {
  const sql::EnumDomain* domain = nullptr;
  sql::QualifiedName shadow;  ///< until the swap
  sql::QualifiedName old;     ///< of the old one after the swap
};

/// The same of a composite type.
struct EnumCompositeWork {
  const sql::EnumComposite* composite = nullptr;
  sql::QualifiedName shadow;
  sql::QualifiedName old;
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
  LabelPairs remap;                   ///< every mapped label of the catalog
  std::vector<std::string> unmapped;  ///< labels of the catalog that nothing maps into the new list
  std::vector<EnumColumnWork> columns;
  std::vector<EnumDomainWork> domains;  ///< each after the one it is made of
  std::vector<EnumCompositeWork> composites;
  sql::QualifiedName shadow_type;

  /// It is the way back of such a swap (WayBack): texts get the labels that they have while it is
  /// planned, whatever `remap` does to the rows.
  bool back = false;
  /// Of the way back: labels of a shadow and of its column that agree. Such a shadow stays.
  LabelPairs agreeing;

  /// What something is called in the place of `name` before the swap, and the former one after it.
  std::string shadow_name(const std::string& name) const { return prefixed(name, back); }
  std::string aside_name(const std::string& name) const { return prefixed(name, !back); }

  /// The labels that the swap brings, for people.
  std::string_view coming() const { return back ? "old" : "new"; }

  /// Its rows get different labels by a condition.
  bool splits(const std::string& label) const { return spec->when.contains(label); }

  /// nullptr: the name is none of a domain over the type.
  const EnumDomainWork* domain(const sql::QualifiedName& name) const;
  /// REQUIRES: the composite type is one of the work's.
  const EnumCompositeWork& composite_of(const EnumColumnWork& column) const;

  sql::QualifiedName old_type;  ///< what the type is called after the swap
  /// Oids of indexes and constraints that are built again in the swap, because they lie over
  /// something that is (a generated column, a function): note_what_is_built_anew() finds them.
  std::set<std::string> built_anew;
  /// What it found, which the server takes long to find.
  std::shared_ptr<const sql::Result> dependents;
  /// What enum_indexes() has read of a table, for its copies too: forth and back, it is asked
  /// often.
  std::shared_ptr<std::map<const sql::Table*, sql::Result>> index_rows =
      std::make_shared<std::map<const sql::Table*, sql::Result>>();

 private:
  static std::string prefixed(const std::string& name, bool old) {
    return sql::fit_identifier((old ? "pgbackfill_old_" : "pgbackfill_new_") + name);
  }
};

/// Of every [[enum]] whose type the database has.
std::optional<EnumWork> resolve_enum(const JobSpec& spec, const sql::Catalog& catalog,
                                     const EnumSpec& enum_spec);

}  // namespace pgbackfill::planner
