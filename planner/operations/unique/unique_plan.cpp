#include "planner/operations/unique/unique_checks.hpp"
#include "planner/operations/unique/unique_spec.hpp"
#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// What of an old key the new one takes over, and how the old one is made again.
struct OldKey {
  std::string included;    ///< " INCLUDE (…)" or empty
  std::string nulls;       ///< " NULLS NOT DISTINCT" or empty
  std::string deferrable;  ///< " DEFERRABLE INITIALLY …" or empty
  std::string constraint;  ///< its name, where it is one
  std::string index_on;    ///< "USING … (…)…", of its index
};

OldKey old_key(PlanContext& context, const UniqueWork& work) {
  const sql::QualifiedName index{work.table->name.schema, work.old_key->name};
  const sql::Result row = context.connection.execute(
      "SELECT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), "
      "coalesce(c.condeferrable, false), coalesce(c.condeferred, false), coalesce(c.conname, ''), "
      "pg_get_indexdef(i.indexrelid) "
      "FROM pg_index AS i LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND "
      "c.contype = 'u' WHERE i.indexrelid = $1::regclass",
      {index.quoted()});
  OldKey key;
  if (!work.old_key->included.empty()) {
    key.included = fmt::format(" INCLUDE ({})", quoted_list(work.old_key->included));
  }
  if (row.boolean(0, 0)) key.nulls = " NULLS NOT DISTINCT";
  if (row.boolean(0, 1)) {
    key.deferrable =
        fmt::format(" DEFERRABLE INITIALLY {}", row.boolean(0, 2) ? "DEFERRED" : "IMMEDIATE");
  }
  key.constraint = row.text(0, 3);
  const std::string definition(row.text(0, 4));
  key.index_on = definition.substr(definition.find(" USING ") + 1);
  return key;
}

/// All that follows the table's name in the new key's index.
std::string new_definition(const PlanContext& context, const UniqueWork& work, const OldKey& old) {
  return fmt::format("({}){}{}", quoted_list(tenant_key(context.spec, *work.spec)), old.included,
                     old.nulls);
}

void add_constraint(PlanContext& context, const UniqueWork& work, const OldKey& old) {
  const sql::QualifiedName& table = work.table->name;
  const sql::QualifiedName index{table.schema, work.name};
  Step step = make_step(Stage::kFinish, work.label, "unique", work.name);
  step.kind = StepKind::kAlone;
  step.title = fmt::format("make {} a constraint", work.name);
  const std::string name = quote_identifier(work.name);
  step.sql = {alter_table(
      table, fmt::format("ADD CONSTRAINT {0} UNIQUE USING INDEX {0}{1}", name, old.deferrable))};
  step.probe = probe::constraint_exists(table, work.name, false);
  // Its index goes with it, and belongs to the stage before.
  step.inverse = {alter_table(table, "DROP CONSTRAINT IF EXISTS " + name),
                  fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", index.quoted()),
                  fmt::format("CREATE UNIQUE INDEX CONCURRENTLY {} ON {} {}", name, table.quoted(),
                              new_definition(context, work, old))};
  context.plan.steps.push_back(std::move(step));
}

/// Organizations that have come to share a value keep the old key from coming back.
std::string shared_values(const UniqueWork& work) {
  const std::string columns = quoted_list(work.spec->columns);
  std::vector<std::string> given;
  for (const std::string& name : work.spec->columns) {
    given.push_back(quote_identifier(name) + " IS NOT NULL");
  }
  return fmt::format(
      "SELECT {} || count(*), true FROM (SELECT FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1) "
      "AS shared HAVING count(*) > 0",
      sql::quote_literal(fmt::format("{}: values of {} that organizations share, so that {} cannot "
                                     "be unique again; change them first: ",
                                     work.label, join(work.spec->columns, ", "),
                                     work.old_key->name)),
      work.table->name.quoted(), join(given, " AND "), columns);
}

void drop_old(PlanContext& context, const UniqueWork& work, const OldKey& old) {
  const sql::QualifiedName& table = work.table->name;
  const sql::QualifiedName index{table.schema, work.old_key->name};
  Step step = make_step(Stage::kFinish, work.label, "drop-old-key", work.old_key->name);
  step.kind = StepKind::kAlone;
  step.title = fmt::format("drop {}, unique over all organizations", work.old_key->name);
  step.losses = {shared_values(work)};
  // Built again without a lock.
  step.inverse = {fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", index.quoted()),
                  fmt::format("CREATE UNIQUE INDEX CONCURRENTLY {} ON {} {}",
                              quote_identifier(index.name), table.quoted(), old.index_on)};
  if (old.constraint.empty()) {
    step.sql = {fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", index.quoted())};
    step.probe = probe::no(probe::relation_exists(index));
  } else {
    const std::string name = quote_identifier(old.constraint);
    step.sql = {alter_table(table, "DROP CONSTRAINT IF EXISTS " + name)};
    step.probe = probe::no(probe::constraint_exists(table, old.constraint, false));
    step.inverse.insert(step.inverse.begin(), step.sql.front());
    step.inverse.push_back(alter_table(
        table, fmt::format("ADD CONSTRAINT {0} UNIQUE USING INDEX {0}{1}", name, old.deferrable)));
  }
  context.plan.steps.push_back(std::move(step));
}

}  // namespace

void plan_unique_indexes(PlanContext& context) {
  for (const UniqueWork& work : context.scope.of<UniqueWork>()) {
    if (!work.spec->per_tenant || work.done) continue;
    OldKey old;
    if (work.old_key != nullptr) old = old_key(context, work);
    add_index_steps(context,
                    {work.table, work.label, work.name, true, new_definition(context, work, old)});
  }
}

void plan_unique_finish(PlanContext& context) {
  for (const UniqueWork& work : context.scope.of<UniqueWork>()) {
    if (!work.spec->per_tenant || work.done || work.old_key == nullptr) continue;
    const OldKey old = old_key(context, work);
    if (!old.constraint.empty()) add_constraint(context, work, old);
    drop_old(context, work, old);
  }
}

}  // namespace pgbackfill::planner
