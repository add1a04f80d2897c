#include "planner/operations/enum/enum_work.hpp"
#include "planner/spec_resolution.hpp"

#include <algorithm>
#include <set>

namespace pgbackfill::planner {
namespace {

EnumColumnWork resolve_enum_column(const JobSpec& spec, const EnumWork& type,
                                   const sql::Table& table, const sql::Column& column) {
  EnumColumnWork work;
  work.table = &table;
  work.column = &column;
  work.label = table.name.display(spec.schema);
  work.shadow = type.shadow_name(column.name);
  work.old_name = type.aside_name(column.name);
  return work;
}

void map_labels(EnumWork& work) {
  const EnumSpec& spec = *work.spec;
  const auto wanted = [&](const std::string& label) {
    return std::find(spec.values.begin(), spec.values.end(), label) != spec.values.end();
  };
  for (const std::string& label : work.type->labels) {
    if (const auto found = spec.map.find(label); found != spec.map.end()) {
      work.remap.emplace_back(label, found->second);
    } else if (wanted(label)) {
      work.remap.emplace_back(label, label);
    } else if (spec.on_unmapped) {
      work.remap.emplace_back(label, *spec.on_unmapped);
    } else {
      work.unmapped.push_back(label);
    }
  }
}

bool splits_any(const EnumWork& work) {
  return std::any_of(work.type->labels.begin(), work.type->labels.end(),
                     [&](const std::string& label) { return work.splits(label); });
}

bool already_equal(const EnumWork& work) {
  if (splits_any(work)) return false;
  // A label that the file maps elsewhere still has rows to change, even if the lists agree.
  for (const auto& [from, to] : work.remap) {
    if (from != to) return false;
  }
  if (work.spec->strict_order) return work.type->labels == work.spec->values;
  return std::set(work.type->labels.begin(), work.type->labels.end()) ==
         std::set(work.spec->values.begin(), work.spec->values.end());
}

bool can_rename(const EnumWork& work) {
  if (!work.unmapped.empty() || splits_any(work)) return false;
  std::set<std::string> targets;
  auto position = work.spec->values.begin();
  for (const auto& [from, to] : work.remap) {
    if (!targets.insert(to).second) return false;
    const auto found = std::find(work.spec->values.begin(), work.spec->values.end(), to);
    if (found == work.spec->values.end()) return false;
    if (work.spec->strict_order && found < position) return false;
    position = found;
  }
  return true;
}

/// Whether the column holds the type's labels: by itself, as an array, or through a domain
/// or composite type.
bool is_of_type(const EnumWork& work, const sql::Column& column, EnumColumnWork& found) {
  const sql::QualifiedName& type = work.type->name;
  // The server calls the array of a type so unless that name was taken.
  found.array = column.type_name == sql::QualifiedName{type.schema, "_" + type.name};
  if (found.array || (column.type_kind == 'e' && column.type_name == type)) return true;
  for (const sql::EnumComposite& composite : work.type->composites) {
    if (column.type_name != composite.name) continue;
    found.composite = &composite;
    return true;
  }
  for (const sql::EnumDomain& domain : work.type->domains) {
    found.domain_array = !domain.array && column.type_name == domain.array_type;
    if (!found.domain_array && column.type_name != domain.name) continue;
    found.domain = &domain;
    found.array = domain.array || found.domain_array;
    return true;
  }
  return false;
}

void resolve_made_of_it(EnumWork& work) {
  for (const sql::EnumDomain& domain : work.type->domains) {
    const sql::QualifiedName& name = domain.name;
    work.domains.push_back({&domain,
                            {name.schema, work.shadow_name(name.name)},
                            {name.schema, work.aside_name(name.name)}});
  }
  for (const sql::EnumComposite& composite : work.type->composites) {
    const sql::QualifiedName& name = composite.name;
    work.composites.push_back({&composite,
                               {name.schema, work.shadow_name(name.name)},
                               {name.schema, work.aside_name(name.name)}});
  }
}

}  // namespace

const EnumDomainWork* EnumWork::domain(const sql::QualifiedName& name) const {
  const auto found = std::find_if(domains.begin(), domains.end(), [&](const EnumDomainWork& known) {
    return known.domain->name == name;
  });
  return found == domains.end() ? nullptr : &*found;
}

const EnumCompositeWork& EnumWork::composite_of(const EnumColumnWork& column) const {
  return *std::find_if(composites.begin(), composites.end(), [&](const EnumCompositeWork& known) {
    return known.composite == column.composite;
  });
}

std::optional<EnumWork> resolve_enum(const JobSpec& spec, const sql::Catalog& catalog,
                                     const EnumSpec& enum_spec) {
  const sql::EnumType* type = catalog.enum_type(resolve_name(enum_spec.type, spec.schema));
  if (type == nullptr) return std::nullopt;
  EnumWork work;
  work.spec = &enum_spec;
  work.type = type;
  work.shadow_type = {type->name.schema, work.shadow_name(type->name.name)};
  work.old_type = {type->name.schema, work.aside_name(type->name.name)};
  map_labels(work);
  if (already_equal(work)) return work;
  work.path = can_rename(work) ? EnumPath::kRename : EnumPath::kShadow;
  resolve_made_of_it(work);
  for (const sql::Table& table : catalog.tables) {
    if ((table.kind != 'r' && table.kind != 'p') || table.is_partition) continue;
    for (const sql::Column& column : table.columns) {
      EnumColumnWork found = resolve_enum_column(spec, work, table, column);
      // A generated one is generated anew over those it is generated from.
      if (!column.generated && is_of_type(work, column, found)) work.columns.push_back(found);
    }
  }
  return work;
}

}  // namespace pgbackfill::planner
