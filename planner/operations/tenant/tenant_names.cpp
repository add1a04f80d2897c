#include "planner/operations/tenant/tenant_checks.hpp"
#include "planner/preflight/preflight_context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pgbackfill::planner {
namespace {

void check_index(PreflightContext& context, const ValueWork& work, const IndexSpec& wanted) {
  const sql::Index* index = work.table->index(wanted.name);
  if (index != nullptr) {
    // An invalid one of the same shape is an interrupted build, which the job repeats.
    const bool same = index->columns == wanted.columns && !index->partial &&
                      !index->has_expressions && index->method == "btree" && !index->unique;
    if (same) return;
    context.refuse(work.label,
                   fmt::format("index {} exists and is not the one the job wants: {}", wanted.name,
                               index->definition),
                   "give the index another name in the migration file, or drop the old one");
    return;
  }
  const std::string holder = holder_of(context, {work.table->name.schema, wanted.name});
  if (holder.empty()) return;
  context.refuse(work.label,
                 fmt::format("the name of index {} is taken by {}", wanted.name, holder),
                 "give the index another name in the migration file");
}

void check_foreign_key(PreflightContext& context, const ValueWork& work) {
  const TenantSpec& tenant = *context.spec.tenant;
  const sql::QualifiedName& references = context.scope.references;
  for (const sql::ForeignKey& key : work.table->foreign_keys) {
    const bool on_column =
        std::find(key.columns.begin(), key.columns.end(), tenant.column) != key.columns.end();
    if (!on_column || key.on_delete == 'a' || key.on_delete == 'r') continue;
    context.refuse(work.label,
                   fmt::format("foreign key {} on {} deletes or changes rows when an organization "
                               "is deleted",
                               key.name, tenant.column),
                   "drop it; the job adds one without");
  }
  if (equal_foreign_key(work, tenant, references) != nullptr) return;
  const std::string wanted = expand_name(tenant.foreign_key, tenant, work.table->name, references);
  const auto named = [&](const auto& object) { return object.name == wanted; };
  const sql::Index* index = work.table->index(wanted);
  const bool taken =
      std::any_of(work.table->foreign_keys.begin(), work.table->foreign_keys.end(), named) ||
      std::any_of(work.table->checks.begin(), work.table->checks.end(), named) ||
      (index != nullptr && index->backs_constraint);
  if (!taken) return;
  context.refuse(
      work.label,
      fmt::format("constraint {} exists and is not the foreign key the job wants", wanted),
      "give the foreign key another name in the migration file, or drop the old one");
}

void check_repeated(PreflightContext& context) {
  std::map<sql::QualifiedName, std::string> indexes;
  for (const ValueWork& work : context.scope.tables) {
    for (const IndexSpec& index :
         wanted_indexes(*context.spec.tenant, work, context.scope.references)) {
      const auto [first, added] =
          indexes.emplace(sql::QualifiedName{work.table->name.schema, index.name}, work.label);
      if (added) continue;
      context.refuse(
          work.label,
          fmt::format("index {} is asked for twice, also for {}", index.name, first->second),
          "give one of them another name");
    }
  }
}

}  // namespace

void check_tenant_names(PreflightContext& context) {
  for (const ValueWork& work : context.scope.tables) {
    check_foreign_key(context, work);
    for (const IndexSpec& index :
         wanted_indexes(*context.spec.tenant, work, context.scope.references)) {
      check_index(context, work, index);
    }
  }
  if (context.spec.tenant) check_repeated(context);
}

}  // namespace pgbackfill::planner
