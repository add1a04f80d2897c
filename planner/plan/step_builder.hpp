#pragma once

#include "planner/plan/plan.hpp"
#include "planner/scope.hpp"
#include "sql/identifier.hpp"

#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// A column that the job fills anew, by the name that it has in the end.
struct NewColumn {
  const sql::Table* table = nullptr;
  std::string label;  ///< of the table
  std::string name;
};

/// What the parts of make_plan() share. `plan` grows stage by stage.
struct PlanContext {
  const JobSpec& spec;
  const sql::Catalog& catalog;
  sql::Connection& connection;
  Scope scope;
  Plan plan;
  /// Columns that have no statistics of their own until somebody collects them.
  std::vector<NewColumn> new_columns;
  /// Of values whose changes are noted during the backfill (NotedChanges): what they are computed
  /// from.
  std::map<const ValueWork*, std::vector<std::string>> noted_inputs = {};

  /// The step of the plan as it is by now, or nullptr.
  const Step* step(std::string_view id) const;

  /// Steps by id, as far as step() has seen them: a plan has many.
  mutable std::map<std::string, std::size_t, std::less<>> seen = {};
  mutable std::size_t seen_up_to = 0;
  mutable std::string last_seen = {};
};

/// A step with its id, "stage:subject:what[:detail]"; `subject` is a table's label or a type.
Step make_step(Stage stage, std::string_view subject, std::string_view what,
               std::string_view detail = {});

std::string backfill_id(std::string_view label);

/// Ids of the backfill steps that fill `table`, whether or not the plan has them.
std::vector<std::string> backfill_ids(const PlanContext& context, const sql::Table& table);

/// Name of an object of the ledger's schema, fitted.
sql::QualifiedName ledger_name(std::string_view kind, std::string_view rest);

/// Name of a function that belongs to a table: "fill_public.bookings". The dot keeps
/// (a_b, c) and (a, b_c) apart.
sql::QualifiedName ledger_function(std::string_view kind, const sql::QualifiedName& table,
                                   std::string_view detail = {});

/// The column's type as SQL; empty when there is no such column.
std::string column_type(const sql::Table& table, const std::string& column);

/// The columns of the table's row key; empty when it has none.
std::vector<KeyColumn> row_key(const sql::Table& table);

/// How many rows the table holds, as far as the server knows; many where it does not.
double estimated_rows(const sql::Table& table);

/// Statements that begin a transaction over several tables: locks all of them without making the
/// application wait so long that the server would look for a deadlock.
std::vector<std::string> lock_calmly(const std::vector<sql::QualifiedName>& tables,
                                     std::string_view mode);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
void append(std::vector<std::string>& list, std::vector<std::string> more);
std::string quoted_list(const std::vector<std::string>& names);
std::string literal_list(const std::vector<std::string>& values);
/// Whatever `add` appends to the plan goes to `steps` instead.
template <typename Add>
void divert(PlanContext& context, std::vector<Step>& steps, Add add) {
  const auto before = static_cast<std::ptrdiff_t>(context.plan.steps.size());
  add();
  const auto first = context.plan.steps.begin() + before;
  steps.insert(steps.end(), std::make_move_iterator(first),
               std::make_move_iterator(context.plan.steps.end()));
  context.plan.steps.erase(context.plan.steps.begin() + before, context.plan.steps.end());
}

/// What functions of ours run with: the job's schema first, temporary objects last.
std::string trigger_search_path(const std::string& schema);
/// Drops it if it is there. Of a partitioned table the server drops the partitions' triggers first,
/// each under ACCESS EXCLUSIVE: without the lock on the root before them, a client's statement that
/// has the root already and comes to a partition meets a deadlock.
std::vector<std::string> drop_trigger(const sql::Table& table, const std::string& trigger);
std::string alter_table(const sql::QualifiedName& table, std::string_view action);
/// An action of it.
std::string alter_column(const std::string& column, std::string_view action);

/// Probes: SELECT of one boolean from the catalog, never NULL and never an error when the object
/// is missing.
namespace probe {
std::string column_exists(const sql::QualifiedName& table, std::string_view column);
std::string column_not_null(const sql::QualifiedName& table, std::string_view column);
std::string column_has_default(const sql::QualifiedName& table, std::string_view column);
/// The column's default is one that counts (FillCounter).
std::string default_counts(const sql::QualifiedName& table, std::string_view column);
std::string constraint_exists(const sql::QualifiedName& table, std::string_view name,
                              bool validated);
std::string trigger_exists(const sql::QualifiedName& table, std::string_view name);
/// The trigger fires on UPDATE (too).
std::string trigger_on_update(const sql::QualifiedName& table, std::string_view name);
std::string relation_exists(const sql::QualifiedName& name);
std::string is_partition(const sql::QualifiedName& table);
std::string type_exists(const sql::QualifiedName& name);
/// true: exists and usable; false: exists and left invalid by an interrupted build.
std::string index_is(const sql::QualifiedName& index, bool usable);
std::string index_attached(const sql::QualifiedName& leaf, const sql::QualifiedName& parent);
/// A foreign key (any name) from `column` to `referenced` with the same delete rule.
std::string foreign_key_exists(const sql::QualifiedName& table, std::string_view column,
                               const sql::QualifiedName& referenced,
                               std::string_view referenced_column, char on_delete, bool validated);
std::string no(std::string probe);
std::string both(std::string one, std::string other);
std::string either(std::string one, std::string other);
}  // namespace probe

/// One statement that carries out several if the probe, asked by then, says so.
std::string only_if(std::string_view probe, const std::vector<std::string>& statements);

/// What the NOT NULL steps need to know of a column.
struct NotNullRequest {
  const sql::Table* table = nullptr;
  std::string label;
  std::string column;
  bool drop_default = false;       ///< a default stands that must not outlive the backfill
  std::string default_to_restore;  ///< SQL of that default, for the inverse
  /// What goes with the default, and what must be there before it comes back.
  std::vector<std::string> after_drop;
  std::vector<std::string> before_restore;
  std::string default_after = {};  ///< SQL of the default that takes its place; empty: none
  bool row_value = false;          ///< of a composite type: a row with a NULL in it is not NULL
};
void add_not_null_steps(PlanContext& context, const NotNullRequest& request);
/// Probe: the column has the default that it is to have in the end.
std::string settled_default(const NotNullRequest& request);

/// What the index steps need to know of an index.
struct IndexRequest {
  const sql::Table* table = nullptr;
  std::string label;
  std::string name;
  bool unique = false;
  /// All that follows the table's name: "USING btree (…) WHERE …" or "(…)".
  std::string definition;
  Stage stage = Stage::kIndex;
  /// The indexes of a partitioned table's partitions get the names of partition_index(); with
  /// `leaves_alone`, nothing but those of the leaves is built.
  bool by_partition = false;
  bool leaves_alone = false;
};
/// The part of a partitioned table's index `name` over one of its partitions.
sql::QualifiedName partition_index(const std::string& name, const sql::QualifiedName& table);
void add_index_steps(PlanContext& context, const IndexRequest& request);

/// What makes an index like `index` with other columns in the place of some, as
/// IndexRequest::definition has it.
std::string index_definition(sql::Connection& connection, const sql::QualifiedName& index,
                             const std::vector<std::string>& columns,
                             const std::vector<std::string>& replacements);

/// The backfill of every table that the operations drafted, in the order of their dependencies.
void plan_backfill(PlanContext& context);

std::string constant_expression(std::string_view value, std::string_view type);

}  // namespace pgbackfill::planner
