#include "planner/operations/enum/enum_check.hpp"

#include "planner/operations/enum/enum_index.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

constexpr std::string_view kNotValid = " NOT VALID";

}  // namespace

std::vector<EnumCheck> enum_table_checks(sql::Connection& connection, const EnumWork& work,
                                         const sql::Table& table) {
  const LabelRules rules = shadow_rules(work, table);
  sql::Transaction undone(connection);
  connection.execute("SET LOCAL search_path = pg_catalog");
  const sql::Result rows = connection.execute(sql::statement("enum_checks"), {table.name.quoted()});
  std::vector<EnumCheck> checks;
  for (int i = 0; i < rows.rows(); ++i) {
    if (work.built_anew.contains(std::string(rows.text(i, 1)))) continue;
    EnumCheck check;
    check.rewritten = rewrite_labels(rows.text(i, 2), rules);
    if (check.rewritten.text == rows.text(i, 2)) continue;
    check.name = rows.text(i, 0);
    check.shadow_name = work.shadow_name(check.name);
    check.definition = check.rewritten.text;
    if (check.definition.ends_with(kNotValid)) {
      check.definition.resize(check.definition.size() - kNotValid.size());
    }
    check.object = rows.text(i, 1);
    check.validated = rows.boolean(i, 3);
    if (!rows.is_null(i, 4)) check.comment = rows.text(i, 4);
    checks.push_back(std::move(check));
  }
  return checks;
}

void add_check_steps(PlanContext& context, const EnumWork& work, const sql::Table& table,
                     const std::string& label) {
  for (const EnumCheck& check : enum_table_checks(context.connection, work, table)) {
    const std::string quoted = sql::quote_identifier(check.shadow_name);
    Step add = make_step(Stage::kEnforce, label, "carry-check", check.shadow_name);
    add.title = fmt::format("check {} over the {} labels, for new rows", check.name, work.coming());
    add.sql = {alter_table(
        table.name, fmt::format("ADD CONSTRAINT {} {}{}", quoted, check.definition, kNotValid))};
    add.probe = probe::constraint_exists(table.name, check.shadow_name, false);
    add.inverse = {alter_table(table.name, "DROP CONSTRAINT IF EXISTS " + quoted)};
    context.plan.steps.push_back(std::move(add));
    if (!check.validated) continue;
    Step validate = make_step(Stage::kEnforce, label, "validate-carried", check.shadow_name);
    validate.title =
        fmt::format("check {} over the {} labels, for all rows", check.name, work.coming());
    validate.sql = {alter_table(table.name, "VALIDATE CONSTRAINT " + quoted)};
    validate.probe = probe::constraint_exists(table.name, check.shadow_name, true);
    validate.sweep = backfill_ids(context, table);
    context.plan.steps.push_back(std::move(validate));
  }
}

}  // namespace pgbackfill::planner
