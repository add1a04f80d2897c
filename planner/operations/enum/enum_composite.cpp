#include "planner/operations/enum/enum_composite.hpp"

#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

std::vector<std::string> create_composite(sql::Connection& connection, const EnumWork& work,
                                          const EnumCompositeWork& composite) {
  // Its name and the enum's are written with their schemas, and read as the new ones'.
  const LabelRules rules = shadow_rules(work);
  sql::Transaction undone(connection);
  connection.execute("SET LOCAL search_path = pg_catalog");
  const sql::Result rows =
      connection.execute(sql::statement("carried_composite"), {composite.composite->relation});
  std::vector<std::string> statements;
  for (int i = 0; i < rows.rows(); ++i) {
    if (rows.text(i, 0) == "create") {
      statements.push_back(rewrite_labels(rows.text(i, 1), rules).text);
    }
  }
  for (const sql::EnumComposite::Attribute& attribute : composite.composite->attributes) {
    for (const std::string& statement : sql::column_decoration(
             connection, composite.composite->name, attribute.name, attribute.name)) {
      statements.push_back(rewrite_labels(statement, rules).text);
    }
  }
  return statements;
}

void add_composite_steps(PlanContext& context, const EnumWork& work) {
  for (const EnumCompositeWork& composite : work.composites) {
    const std::string label = composite.composite->name.display(context.spec.schema);
    Step step = make_step(Stage::kExpand, label, "create-composite");
    step.table.clear();
    step.title = fmt::format("create composite type {} with the new labels as {}", label,
                             composite.shadow.name);
    step.sql = create_composite(context.connection, work, composite);
    step.probe = probe::type_exists(composite.shadow);
    step.inverse = {fmt::format("DROP TYPE IF EXISTS {}", composite.shadow.quoted())};
    context.plan.steps.push_back(std::move(step));
  }
}

std::vector<std::string> swap_composites(const EnumWork& work) {
  std::vector<std::string> statements;
  for (const EnumCompositeWork& composite : work.composites) {
    const sql::QualifiedName& name = composite.composite->name;
    statements.push_back(rename_type(name, composite.old.name));
    statements.push_back(rename_type(composite.shadow, name.name));
  }
  return statements;
}

std::vector<Step> drop_old_composites(PlanContext& context, const WayBack& back) {
  std::vector<Step> steps;
  for (const EnumCompositeWork& composite : back.work().composites) {
    const sql::QualifiedName& old = composite.shadow;
    const std::string label = composite.composite->name.display(context.spec.schema);
    Step step = make_step(Stage::kFinish, label, "drop-composite");
    step.table.clear();
    step.title = fmt::format("drop the old composite type {}", old.name);
    step.sql = {fmt::format("DROP TYPE IF EXISTS {}", old.quoted())};
    step.probe = probe::no(probe::type_exists(old));
    step.inverse = create_composite(context.connection, back.work(), composite);
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace pgbackfill::planner
