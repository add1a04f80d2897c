#include "planner/plan/partition_steps.hpp"
#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

std::string create_index(const IndexRequest& request, std::string_view manner,
                         const sql::QualifiedName& index, const std::string& on) {
  return fmt::format("CREATE {}INDEX {}{} ON {} {}", request.unique ? "UNIQUE " : "", manner,
                     quote_identifier(index.name), on, request.definition);
}

Step index_step(const IndexRequest& request, std::string_view what, std::string_view detail,
                std::string title) {
  Step step = make_step(request.stage, request.label, what, detail);
  step.title = std::move(title);
  return step;
}

Step concurrent_step(const IndexRequest& request, std::string_view what,
                     const sql::QualifiedName& table, const sql::QualifiedName& index,
                     std::string title) {
  Step step = index_step(request, what, index.name, std::move(title));
  step.kind = StepKind::kAlone;
  step.sql = {create_index(request, "CONCURRENTLY ", index, table.quoted())};
  step.probe = probe::index_is(index, true);
  step.leftover_probe = probe::index_is(index, false);
  step.leftover_sql = fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", index.quoted());
  step.inverse = {step.leftover_sql};
  return step;
}

struct PartitionNode {
  sql::QualifiedName table;
  sql::QualifiedName parent;
  bool leaf = false;
};

/// A partitioned table and all below it, parents before children.
std::vector<PartitionNode> partition_tree(sql::Connection& connection,
                                          const sql::QualifiedName& root) {
  const sql::Result rows = connection.execute(
      "SELECT n.nspname, c.relname, coalesce(pn.nspname, ''), coalesce(p.relname, ''), t.isleaf "
      "FROM pg_partition_tree($1::regclass) AS t "
      "JOIN pg_class AS c ON c.oid = t.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace "
      "LEFT JOIN pg_class AS p ON p.oid = t.parentrelid "
      "LEFT JOIN pg_namespace AS pn ON pn.oid = p.relnamespace "
      "ORDER BY t.level, n.nspname, c.relname",
      {root.quoted()});
  std::vector<PartitionNode> tree;
  for (int i = 0; i < rows.rows(); ++i) {
    tree.push_back({{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))},
                    {std::string(rows.text(i, 2)), std::string(rows.text(i, 3))},
                    rows.boolean(i, 4)});
  }
  return tree;
}

/// CREATE INDEX CONCURRENTLY does not work on a partitioned table: an empty index on each
/// partitioned level, one built concurrently on each leaf, then attached from below.
void add_partitioned_index(PlanContext& context, const IndexRequest& request) {
  const sql::QualifiedName& root = request.table->name;
  const auto tree = partition_tree(context.connection, root);
  const auto index_of = [&](const sql::QualifiedName& table) -> sql::QualifiedName {
    if (table == root) return {root.schema, request.name};
    return partition_index(request.name, table);
  };
  std::vector<Step>& steps = context.plan.steps;
  for (const PartitionNode& node : tree) {
    const sql::QualifiedName index = index_of(node.table);
    const std::string shown = node.table.display(context.spec.schema);
    Step step;
    if (node.leaf && node.table != root) {
      step = concurrent_step(request, "create-on-leaf", node.table, index,
                             fmt::format("create index {} on partition {}", index.name, shown));
    } else {
      if (request.leaves_alone) continue;
      step = index_step(request, "create", index.name,
                        fmt::format("create index {} on {} alone", index.name, shown));
      step.sql = {create_index(request, "", index, "ONLY " + node.table.quoted())};
      step.probe = probe::relation_exists(index);
      step.inverse = {fmt::format("DROP INDEX IF EXISTS {}", index.quoted())};
    }
    if (node.table != root) on_partition_index(step, node.table, index_of(node.parent));
    steps.push_back(std::move(step));
  }
  for (auto node = tree.rbegin(); node != tree.rend() && !request.leaves_alone; ++node) {
    if (node->table == root) continue;
    const sql::QualifiedName index = index_of(node->table);
    const sql::QualifiedName parent = index_of(node->parent);
    Step step = index_step(request, "attach", index.name,
                           fmt::format("attach index {} to {}", index.name, parent.name));
    step.sql = {fmt::format("ALTER INDEX {} ATTACH PARTITION {}", parent.quoted(), index.quoted())};
    step.probe = probe::index_attached(index, parent);
    on_partition_index(step, node->table, parent);
    // An index cannot be detached; dropping the topmost one takes all with it.
    step.inverse = {fmt::format("DROP INDEX IF EXISTS {}", index_of(root).quoted())};
    steps.push_back(std::move(step));
  }
  if (request.leaves_alone) return;
  Step whole = index_step(request, "whole", request.name,
                          fmt::format("see that index {} is valid", request.name));
  whole.probe = probe::index_is(index_of(root), true);
  whole.sql = {make_index_valid(index_of(root), request.stage)};
  steps.push_back(std::move(whole));
}

}  // namespace

sql::QualifiedName partition_index(const std::string& name, const sql::QualifiedName& table) {
  return {table.schema, sql::fit_identifier(name + "_" + table.name)};
}

void add_index_steps(PlanContext& context, const IndexRequest& request) {
  const sql::QualifiedName& table = request.table->name;
  const sql::QualifiedName index{table.schema, request.name};
  if (!context.spec.run.online && !request.by_partition) {
    Step step =
        index_step(request, "create", index.name, fmt::format("create index {}", index.name));
    step.sql = {create_index(request, "", index, table.quoted())};
    step.probe = probe::index_is(index, true);
    step.leftover_probe = probe::index_is(index, false);
    step.leftover_sql = fmt::format("DROP INDEX IF EXISTS {}", index.quoted());
    step.inverse = {step.leftover_sql};
    context.plan.steps.push_back(std::move(step));
  } else if (request.table->kind == 'p') {
    add_partitioned_index(context, request);
  } else {
    context.plan.steps.push_back(concurrent_step(request, "create", table, index,
                                                 fmt::format("create index {}", index.name)));
  }
}

}  // namespace pgbackfill::planner
