#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/check_carried.hpp"
#include "planner/operations/enum/check_rows.hpp"
#include "planner/operations/enum/enum_checks.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_value.hpp"
#include "planner/operations/enum/enum_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace pgbackfill::planner {
namespace {

std::string label_of(const PreflightContext& context, const EnumWork& work) {
  return "type " + work.type->name.display(context.spec.schema);
}

/// Rows that hold each of `labels`, over all columns of the type.
std::map<std::string, std::int64_t> count_labels(PreflightContext& context, const EnumWork& work,
                                                 const std::vector<std::string>& labels) {
  std::map<std::string, std::int64_t> counts;
  for (const std::string& label : labels) counts[label] = 0;
  for (const EnumColumnWork& column : work.columns) {
    const std::string name = "t." + sql::quote_identifier(column.column->name);
    for (const LabelPlace& place : label_places(column)) {
      const std::string value = place.in(name);
      const sql::Result rows = context.connection.execute(
          fmt::format(
              "SELECT e.label::text, count(*) FROM {} AS t CROSS JOIN LATERAL {} AS e (label) "
              "WHERE e.label::text = ANY ($1::text[]) GROUP BY 1",
              column.table->name.quoted(),
              place.array ? fmt::format("unnest({})", value) : fmt::format("(SELECT {})", value)),
          {sql::text_array_literal(labels)});
      for (int i = 0; i < rows.rows(); ++i)
        counts[std::string(rows.text(i, 0))] += rows.integer(i, 1);
    }
  }
  return counts;
}

void check_unmapped(PreflightContext& context, const EnumWork& work) {
  if (work.unmapped.empty()) return;
  for (const auto& [label, count] : count_labels(context, work, work.unmapped)) {
    context.refuse(label_of(context, work),
                   fmt::format("its label {} is neither mapped nor among the new values ({} row{} "
                               "{} it)",
                               sql::quote_literal(label), count, count == 1 ? "" : "s",
                               count == 1 ? "has" : "have"),
                   "map it in the migration file, or set on_unmapped");
  }
}

std::vector<std::string> changed_labels(const EnumWork& work) {
  std::vector<std::string> labels;
  for (const auto& [from, to] : work.remap) {
    if (from != to) labels.push_back(from);
  }
  return labels;
}

void refuse_dependent(PreflightContext& context, const EnumWork& work,
                      const sql::Dependent& dependent) {
  std::string on = label_of(context, work);
  if (!dependent.table.name.empty()) {
    on = fmt::format("{}.{}", dependent.table.display(context.spec.schema), dependent.column);
  }
  context.refuse(dependent.description, fmt::format("it depends on {} and is not carried over", on),
                 "drop it or make it independent before the run, and set it up again after it");
}

/// Functions whose text names a label that changes: the server knows nothing of them, and nobody
/// but their author can tell what is meant.
void check_function_bodies(PreflightContext& context,
                           const std::vector<sql::Dependent>& dependents) {
  const bool accepted = context.spec.run.accepts(kAcceptFunctionBodies);
  for (const sql::Dependent& dependent : dependents) {
    if (!dependent.only_by_text) continue;
    const std::string message = "its text names a label that changes, and is left as it is";
    const std::string advice = "change it so that it works with the old and the new labels";
    if (accepted) {
      context.warn(dependent.description, message, advice);
    } else {
      context.refuse(
          dependent.description, message,
          fmt::format("{}, or go on as it is with --accept {}", advice, kAcceptFunctionBodies));
    }
  }
}

std::vector<sql::Dependent> dependents_of(PreflightContext& context, const sql::EnumType& type,
                                          const std::vector<std::string>& labels) {
  sql::Transaction undone(context.connection);
  // Compiling the query takes the server seconds, running it milliseconds.
  context.connection.execute("SET LOCAL jit = off");
  return sql::read_enum_dependents(context.connection, type, labels);
}

/// Renaming a label carries everything along but the text of functions.
void check_rename(PreflightContext& context, const EnumWork& work) {
  const auto labels = changed_labels(work);
  if (labels.empty()) return;
  check_function_bodies(context, dependents_of(context, *work.type, labels));
}

void check_default(PreflightContext& context, const EnumWork& work, const EnumColumnWork& column) {
  if (!column.column->default_expression) return;
  const RewrittenText text = rewritten_default(context.connection, work, column);
  if (plain_label(text)) return;
  context.refuse(
      fmt::format("{}.{}", column.label, column.column->name),
      fmt::format("its default is not a plain label: {}", *column.column->default_expression),
      "set a plain label as the default, or drop the default");
}

void check_shadow(PreflightContext& context, const EnumWork& work) {
  sql::EnumType type = *work.type;
  type.columns.clear();
  for (const EnumColumnWork& column : work.columns) {
    type.columns.push_back({column.table->name, column.column->name});
  }
  const auto dependents = dependents_of(context, type, changed_labels(work));
  const std::set<std::string> carried = check_carried(context, work);
  for (const sql::Dependent& dependent : dependents) {
    if (dependent.only_by_text || carried.contains(carried_key(dependent))) continue;
    refuse_dependent(context, work, dependent);
  }
  check_function_bodies(context, dependents);
  for (const EnumColumnWork& column : work.columns) check_default(context, work, column);
  const bool all_follow =
      std::all_of(work.composites.begin(), work.composites.end(),
                  [](const EnumCompositeWork& made) { return made.composite->obstacle.empty(); });
  if (work.unmapped.empty() && all_follow) check_enum_rows(context, work);
}

void check_leftovers(PreflightContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    std::vector<sql::QualifiedName> types{work.shadow_type, work.old_type};
    for (const EnumDomainWork& domain : work.domains) {
      types.insert(types.end(), {domain.shadow, domain.old});
    }
    for (const EnumCompositeWork& composite : work.composites) {
      types.insert(types.end(), {composite.shadow, composite.old});
    }
    for (const sql::QualifiedName& type : types) {
      if (context.connection.execute("SELECT to_regtype($1) IS NOT NULL", {type.quoted()})
              .boolean(0, 0)) {
        refuse_leftover(context, work.type->name.display(context.spec.schema),
                        "type " + type.display(context.spec.schema));
      }
    }
    for (const EnumColumnWork& column : work.columns) {
      for (const std::string& name : {column.shadow, column.old_name}) {
        if (column.table->column(name) != nullptr) {
          refuse_leftover(context, column.label, "column " + name);
        }
      }
    }
  }
}

}  // namespace

void check_enums(PreflightContext& context) {
  check_leftovers(context);
  note_what_is_built_anew(context.connection, context.scope);
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path == EnumPath::kNone) continue;
    try {
      check_unmapped(context, work);
      if (work.path == EnumPath::kRename) {
        check_rename(context, work);
      } else {
        check_shadow(context, work);
      }
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
      context.refuse(label_of(context, work),
                     fmt::format("it cannot be examined: {}", error.diagnostics().message),
                     "run as the owner of its tables");
    }
  }
}

}  // namespace pgbackfill::planner
