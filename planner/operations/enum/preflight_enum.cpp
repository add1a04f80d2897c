#include "planner/operations/enum/enum_checks.hpp"
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
  for (const sql::EnumColumn& column : work.type->columns) {
    const sql::Table* table = context.catalog.table(column.table);
    if (table == nullptr || (table->kind != 'r' && table->kind != 'p')) continue;
    const std::string name = sql::quote_identifier(column.column);
    const sql::Result rows = context.connection.execute(
        fmt::format("SELECT {0}::text, count(*) FROM {1} WHERE {0}::text = ANY ($1::text[]) GROUP "
                    "BY 1",
                    name, column.table.quoted()),
        {sql::text_array_literal(labels)});
    for (int i = 0; i < rows.rows(); ++i)
      counts[std::string(rows.text(i, 0))] += rows.integer(i, 1);
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

/// Renaming a label carries everything along but the text of functions.
void check_rename(PreflightContext& context, const EnumWork& work) {
  const auto labels = changed_labels(work);
  if (labels.empty()) return;
  std::set<std::pair<std::string, std::string>> by_type;
  for (const auto& dependent : sql::read_enum_dependents(context.connection, *work.type, {})) {
    by_type.emplace(dependent.kind, dependent.description);
  }
  for (const auto& dependent : sql::read_enum_dependents(context.connection, *work.type, labels)) {
    if (by_type.contains({dependent.kind, dependent.description})) continue;
    context.refuse(dependent.description, "its text has a label that is renamed",
                   "change it so that it works with the old and the new labels");
  }
}

void check_default(PreflightContext& context, const EnumColumnWork& column) {
  if (column.default_understood) return;
  context.refuse(
      fmt::format("{}.{}", column.label, column.column->name),
      fmt::format("its default is not a plain label: {}", *column.column->default_expression),
      "set a plain label as the default, or drop the default");
}

/// Indexes that can be built on the shadow but not put in the old one's place.
void check_indexes(PreflightContext& context, const EnumWork& work, const EnumColumnWork& column) {
  for (const sql::Index& index : column.table->indexes) {
    if (!index_uses(index, column.column->name)) continue;
    const auto refuse = [&](const std::string& message) {
      context.refuse(fmt::format("index {} of table {}", index.name, column.label), message,
                     "drop it before the run, and create it again after it");
    };
    if (column.table->kind == 'p') {
      refuse(fmt::format("it holds {} on a partitioned table, which is not carried over",
                         column.column->name));
    }
    for (const EnumWork& other : context.scope.of<EnumWork>()) {
      if (&other == &work || other.path != EnumPath::kShadow) continue;
      for (const EnumColumnWork& second : other.columns) {
        if (second.table != column.table || !index_uses(index, second.column->name)) continue;
        if (work.type->name < other.type->name) {
          refuse(fmt::format("it holds columns of two types that are replaced, {} and {}",
                             column.column->name, second.column->name));
        }
      }
    }
  }
}

void check_shadow(PreflightContext& context, const EnumWork& work) {
  for (const sql::Dependent& dependent :
       sql::read_enum_dependents(context.connection, *work.type, changed_labels(work))) {
    refuse_dependent(context, work, dependent);
  }
  for (const EnumColumnWork& column : work.columns) {
    check_default(context, column);
    check_indexes(context, work, column);
  }
}

void check_leftovers(PreflightContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    for (const sql::QualifiedName& type : {work.shadow_type, work.old_type}) {
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
