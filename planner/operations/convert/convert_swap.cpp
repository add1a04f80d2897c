#include "planner/operations/convert/convert_plan.hpp"
#include "planner/operations/convert/convert_return.hpp"
#include "planner/plan/not_null.hpp"

#include <fmt/format.h>

#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// A swap, forth and back, statement by statement.
class Swap {
 public:
  Swap(PlanContext& context, const ConvertGroup& group) : context_(context), group_(group) {}

  void build() {
    append(forth_, lock_calmly(names_of(group_), "ACCESS EXCLUSIVE"));
    append(back_, lock_calmly(names_of(group_), "ACCESS EXCLUSIVE"));
    for (const ConvertKey& key : group_.keys) {
      forth_.push_back(drop_constraint(key.table, key.name));
      back_.push_back(drop_constraint(key.table, key.name));
    }
    for (const ConvertTable& table : group_.tables) {
      append(forth_, drop_convert_trigger(table));
      append(back_, drop_convert_trigger(table));
      rename_columns(table);
      for (const ConvertIndex& index : convert_indexes(context_.connection, table)) {
        replace_index(table, index);
      }
      for (const ConvertColumn* column : table.columns) carry_over(*column);
    }
    // Their functions name each other's columns.
    for (const ConvertTable& table : group_.tables) {
      append(forth_, create_back_trigger(context_, group_, table));
      append(back_, create_convert_trigger(context_, table));
    }
    for (const ConvertKey& key : group_.keys) replace_key(key);
  }

  std::vector<std::string>& forth() { return forth_; }
  std::vector<std::string>& back() { return back_; }

 private:
  static std::string drop_constraint(const sql::QualifiedName& table, const std::string& name) {
    return alter_table(table, "DROP CONSTRAINT " + quote_identifier(name));
  }

  static std::string rename(const sql::QualifiedName& table, std::string_view what,
                            const std::string& from, const std::string& to) {
    return alter_table(table, fmt::format("RENAME {} {} TO {}", what, quote_identifier(from),
                                          quote_identifier(to)));
  }

  static std::string rename_index(const sql::QualifiedName& table, const std::string& from,
                                  const std::string& to) {
    return fmt::format("ALTER INDEX {} RENAME TO {}",
                       sql::QualifiedName{table.schema, from}.quoted(), quote_identifier(to));
  }

  static std::string add_key(const sql::QualifiedName& table, const ConvertIndex& index,
                             const std::string& built) {
    return alter_table(
        table, fmt::format("ADD CONSTRAINT {} {} USING INDEX {}", quote_identifier(index.name),
                           index.primary ? "PRIMARY KEY" : "UNIQUE", quote_identifier(built)));
  }

  /// Integers may grow beyond what the old column holds.
  NotNullHandover not_null(const ConvertColumn& column) {
    return hand_over_not_null(context_, *column.table, *column.column, column.shadow,
                              column.old_name, column.type != "bigint");
  }

  void rename_columns(const ConvertTable& table) {
    const sql::QualifiedName& name = table.table->name;
    for (const ConvertColumn* column : table.columns) {
      forth_.push_back(rename(name, "COLUMN", column->column->name, column->old_name));
      forth_.push_back(rename(name, "COLUMN", column->shadow, column->column->name));
      back_.push_back(rename(name, "COLUMN", column->column->name, column->shadow));
      back_.push_back(rename(name, "COLUMN", column->old_name, column->column->name));
      // Before a primary key would see to it.
      append(back_, not_null(*column).back);
    }
  }

  void replace_index(const ConvertTable& table, const ConvertIndex& index) {
    const sql::QualifiedName& name = table.table->name;
    // An index keeps the names its columns had when it was built.
    for (const ConvertColumn* column : table.columns) {
      if (!mentions_word(index.definition, column->shadow)) continue;
      forth_.push_back(
          rename({name.schema, index.shadow_name}, "COLUMN", column->shadow, column->column->name));
    }
    if (index.primary) {
      for (std::vector<std::string>* statements : {&forth_, &back_}) {
        statements->push_back(drop_constraint(name, index.name));
      }
      forth_.push_back(add_key(name, index, index.shadow_name));
      back_.push_back(add_key(name, index, index.kept_name));
    } else if (index.constraint) {
      forth_.push_back(rename(name, "CONSTRAINT", index.name, index.kept_name));
      forth_.push_back(add_key(name, index, index.shadow_name));
      back_.push_back(drop_constraint(name, index.name));
      back_.push_back(rename(name, "CONSTRAINT", index.kept_name, index.name));
    } else {
      forth_.push_back(rename_index(name, index.name, index.kept_name));
      forth_.push_back(rename_index(name, index.shadow_name, index.name));
      back_.push_back(rename_index(name, index.name, index.shadow_name));
      back_.push_back(rename_index(name, index.kept_name, index.name));
    }
    // What the old one had is to be said anew of one that was built for the way back.
    append(back_, index.comments);
    append(forth_, index.comments);
    if (!index.clustered) return;
    for (std::vector<std::string>* statements : {&forth_, &back_}) {
      statements->push_back(
          alter_table(name, fmt::format("CLUSTER ON {}", quote_identifier(index.name))));
    }
  }

  /// Default, sequence, privileges and so on.
  void carry_over(const ConvertColumn& column) {
    const sql::QualifiedName& table = column.table->name;
    const std::string& name = column.column->name;
    const ConvertedDefault fallback = convert_default(context_.connection, column);
    if (column.column->default_expression) {
      forth_.push_back(alter_table(table, alter_column(column.old_name, "DROP DEFAULT")));
      back_.push_back(alter_table(table, alter_column(column.shadow, "DROP DEFAULT")));
      back_.push_back(alter_table(
          table, alter_column(name, "SET DEFAULT " + *column.column->default_expression)));
    }
    if (!fallback.expression.empty()) {
      forth_.push_back(
          alter_table(table, alter_column(name, "SET DEFAULT " + fallback.expression)));
    }
    const SequenceHandover sequences = hand_over_sequences(context_.connection, column);
    append(forth_, sequences.forth);
    append(forth_, not_null(column).forth);
    append(back_, sequences.back);
    for (std::string& statement : sql::column_decoration(context_.connection, table, name, name)) {
      // The new types are of fixed length and have one storage only.
      const bool storage = statement.starts_with("ALTER TABLE ") &&
                           statement.find(" SET STORAGE ") != std::string::npos;
      if (!storage) forth_.push_back(std::move(statement));
    }
  }

  void replace_key(const ConvertKey& key) {
    forth_.push_back(rename(key.table, "CONSTRAINT", key.shadow_name(), key.name));
    back_.push_back(alter_table(
        key.table, fmt::format("ADD CONSTRAINT {} {} NOT VALID", quote_identifier(key.name),
                               foreign_key_clause(group_, key, false))));
    if (!key.comment) return;
    for (std::vector<std::string>* statements : {&forth_, &back_}) {
      statements->push_back(fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}",
                                        quote_identifier(key.name), key.table.quoted(),
                                        sql::quote_literal(*key.comment)));
    }
  }

  PlanContext& context_;
  const ConvertGroup& group_;
  std::vector<std::string> forth_;
  std::vector<std::string> back_;
};

}  // namespace

Step swap_step(PlanContext& context, const ConvertGroup& group) {
  Swap swap(context, group);
  swap.build();
  Step step = make_step(Stage::kEnforce, group.label(), "convert-swap");
  step.table.clear();
  step.title = fmt::format("cutover: swap in the new columns of {}", columns_of(group));
  step.sql = std::move(swap.forth());
  step.inverse = std::move(swap.back());
  step.losses = in_the_way(context, group);
  step.probe = probe::no(probe::column_exists(group.tables.front().table->name,
                                              group.tables.front().columns.front()->shadow));
  return step;
}

}  // namespace pgbackfill::planner
