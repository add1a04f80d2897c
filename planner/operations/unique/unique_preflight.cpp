#include "planner/operations/tenant/future_values.hpp"
#include "planner/operations/unique/unique_checks.hpp"
#include "planner/operations/unique/unique_spec.hpp"
#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

constexpr int kMaxListed = 10;

std::string shown_key(const UniqueWork& work) {
  return fmt::format("{} ({})", work.label, join(work.spec->columns, ", "));
}

/// Groups of rows that may not be: `having` over the rows of a group, whose organization is
/// "pgbackfill value".
void check_values(PreflightContext& context, const UniqueWork& work, const std::string& group,
                  const std::string& having, const std::string& message) {
  FutureValues values(context);
  const ValueWork* tenant = context.scope.tenant_column(work.table->name);
  const auto rows = tenant == nullptr ? std::nullopt : values.rows(*tenant);
  if (!rows) {
    context.warn(shown_key(work),
                 "whether its values are unique in the organizations cannot be told before its "
                 "rows have one",
                 "the job stops where they are not; look for them first");
    return;
  }
  std::vector<std::string> shown;
  std::vector<std::string> known;
  for (const std::string& column : work.spec->columns) {
    shown.push_back(fmt::format("coalesce(c.{}::text, 'NULL')", sql::quote_identifier(column)));
    known.push_back(fmt::format("c.{} IS NOT NULL", sql::quote_identifier(column)));
  }
  const sql::Result found = context.connection.execute(
      fmt::format("SELECT concat_ws(', ', {}), count(*), count(*) OVER () FROM {} AS c WHERE {} "
                  "GROUP BY {} HAVING {} ORDER BY 2 DESC, 1 LIMIT {}",
                  join(shown, ", "), *rows, join(known, " AND "), group, having, kMaxListed),
      values.params());
  if (found.rows() == 0) return;
  std::vector<std::string> listed;
  for (int i = 0; i < found.rows(); ++i) {
    listed.push_back(fmt::format("{} ({} rows)", found.text(i, 0), found.text(i, 1)));
  }
  if (found.integer(0, 2) > found.rows()) {
    listed.push_back(fmt::format("and {} more", found.integer(0, 2) - found.rows()));
  }
  context.refuse(shown_key(work), fmt::format("{}: {}", message, join(listed, "; ")),
                 "correct the rows first");
}

std::string columns_of(const UniqueWork& work) {
  std::vector<std::string> columns;
  for (const std::string& name : work.spec->columns) {
    columns.push_back("c." + sql::quote_identifier(name));
  }
  return join(columns, ", ");
}

/// Foreign keys and roles of an index that dropping it would take along.
void check_old_key(PreflightContext& context, const UniqueWork& work) {
  const sql::Index& old_key = *work.old_key;
  const std::string object = fmt::format("index {} of table {}", old_key.name, work.label);
  if (old_key.primary) {
    context.refuse(object, "it is the primary key, which [[unique]] does not rebuild",
                   "take the [[unique]] out, or make another column the primary key first");
    return;
  }
  if (old_key.replica_identity) {
    context.refuse(object, "it is the table's replica identity",
                   "choose another (ALTER TABLE … REPLICA IDENTITY …) first");
  }
  std::vector<std::string> keys;
  for (const sql::Table& other : context.catalog.tables) {
    for (const sql::ForeignKey& key : other.foreign_keys) {
      std::vector<std::string> referenced = key.referenced_columns;
      std::vector<std::string> columns = work.spec->columns;
      std::sort(referenced.begin(), referenced.end());
      std::sort(columns.begin(), columns.end());
      if (key.referenced == work.table->name && referenced == columns) {
        keys.push_back(fmt::format("{} of {}", key.name, other.name.display(context.spec.schema)));
      }
    }
  }
  if (!keys.empty()) {
    context.refuse(
        object,
        fmt::format("foreign keys rest on it: {}, which need the columns to be unique by "
                    "themselves",
                    join(keys, ", ")),
        "take the [[unique]] out, or have them reference another key");
  }
}

/// Partial and expression indexes that would go on to make the values unique everywhere.
void check_others(PreflightContext& context, const UniqueWork& work) {
  for (const sql::Index& index : work.table->indexes) {
    const bool mentions =
        std::any_of(work.spec->columns.begin(), work.spec->columns.end(),
                    [&](const std::string& column) { return index_uses(index, column); });
    const bool holds_tenant = index_uses(index, context.spec.tenant->column);
    if (!index.unique || !mentions || holds_tenant || &index == work.old_key) continue;
    if (!index.partial && !index.has_expressions) continue;
    context.warn(fmt::format("index {} of table {}", index.name, work.label),
                 "it is unique over all organizations, and stays",
                 "build it anew with " + context.spec.tenant->column +
                     " in front after the job, if it is to be unique in each");
  }
}

void check_per_tenant(PreflightContext& context, const UniqueWork& work) {
  if (work.table->kind == 'p') {
    context.refuse(shown_key(work), "the table is partitioned, which [[unique]] does not support",
                   "take the [[unique]] out, and build the key by hand after the job");
    return;
  }
  const sql::Index* named = work.table->index(work.name);
  const std::string holder =
      named == nullptr ? holder_of(context, {work.table->name.schema, work.name}) : "";
  const bool ours =
      named != nullptr && named->unique && named->columns == tenant_key(context.spec, *work.spec);
  if (!holder.empty() || (named != nullptr && !ours)) {
    context.refuse(shown_key(work),
                   fmt::format("the name of its new key, {}, is taken by {}", work.name,
                               holder.empty() ? "another index" : holder),
                   "give the [[unique]] a name");
  }
  check_others(context, work);
  if (work.old_key != nullptr) {
    check_old_key(context, work);
  } else {
    check_values(context, work, columns_of(work) + ", c.\"pgbackfill value\"", "count(*) > 1",
                 "values are there more than once in an organization");
  }
}

}  // namespace

void check_uniques(PreflightContext& context) {
  for (const UniqueWork& work : context.scope.of<UniqueWork>()) {
    try {
      if (!work.spec->per_tenant) {
        check_values(context, work, columns_of(work), "count(DISTINCT c.\"pgbackfill value\") > 1",
                     "values are shared by several organizations");
      } else if (!work.done) {
        check_per_tenant(context, work);
      }
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
      context.refuse(shown_key(work),
                     fmt::format("its values cannot be checked: {}", error.diagnostics().message),
                     "run as a role that may read the table");
    }
  }
}

}  // namespace pgbackfill::planner
