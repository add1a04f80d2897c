#include "planner/operations/enum/enum_key.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

using sql::quote_identifier;

std::vector<EnumKey> enum_keys(sql::Connection& connection, const EnumWork& work) {
  std::vector<std::string> tables;
  std::vector<std::string> columns;
  for (const EnumColumnWork& column : work.columns) {
    tables.push_back(column.table->name.quoted());
    columns.push_back(column.column->name);
  }
  const auto naming = [&](const sql::QualifiedName& table, const std::string& name) {
    for (const EnumColumnWork& column : work.columns) {
      if (column.table->name == table && column.column->name == name) return column.shadow;
    }
    return name;
  };
  std::vector<EnumKey> keys;
  for (ForeignKeyParts& parts : foreign_keys_over(connection, tables, columns)) {
    EnumKey key{std::move(parts), {}, {}};
    key.shadow_name = work.shadow_name(key.name);
    key.clause = foreign_key_clause(key, naming);
    keys.push_back(std::move(key));
  }
  return keys;
}

void add_key_steps(PlanContext& context, const EnumWork& work) {
  for (const EnumKey& key : enum_keys(context.connection, work)) {
    const std::string label = key.table.display(context.spec.schema);
    const std::string quoted = quote_identifier(key.shadow_name);
    Step add = make_step(Stage::kFinish, label, "carry-key", key.shadow_name);
    add.title =
        fmt::format("add foreign key {} over the {} labels, for new rows", key.name, work.coming());
    // The referenced table first, as one who deletes there comes to ours.
    add.sql = lock_calmly({key.referenced, key.table}, "SHARE ROW EXCLUSIVE");
    add.sql.push_back(
        alter_table(key.table, fmt::format("ADD CONSTRAINT {} {} NOT VALID", quoted, key.clause)));
    add.probe = probe::constraint_exists(key.table, key.shadow_name, false);
    add.inverse = {alter_table(key.table, "DROP CONSTRAINT IF EXISTS " + quoted)};
    context.plan.steps.push_back(std::move(add));
    if (!key.validated) continue;
    Step validate = make_step(Stage::kFinish, label, "validate-carried", key.shadow_name);
    validate.title = fmt::format("check foreign key {} over the {} labels, for all rows", key.name,
                                 work.coming());
    validate.sql = {alter_table(key.table, "VALIDATE CONSTRAINT " + quoted)};
    validate.probe = probe::constraint_exists(key.table, key.shadow_name, true);
    context.plan.steps.push_back(std::move(validate));
  }
}

std::vector<std::string> drop_keys(const std::vector<EnumKey>& keys) {
  std::vector<std::string> statements;
  for (const EnumKey& key : keys) {
    statements.push_back(alter_table(key.table, "DROP CONSTRAINT " + quote_identifier(key.name)));
  }
  return statements;
}

std::vector<std::string> rename_keys(const std::vector<EnumKey>& keys) {
  std::vector<std::string> statements;
  for (const EnumKey& key : keys) {
    statements.push_back(alter_table(
        key.table, fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(key.shadow_name),
                               quote_identifier(key.name))));
    if (!key.comment) continue;
    statements.push_back(fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}",
                                     quote_identifier(key.name), key.table.quoted(),
                                     sql::quote_literal(*key.comment)));
  }
  return statements;
}

}  // namespace pgbackfill::planner
