#include "planner/operations/enum/table_swap.hpp"

#include "planner/operations/enum/enum_check.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/plan/not_null.hpp"

#include <fmt/format.h>

#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

std::string comment_on(std::string_view what, const std::optional<std::string>& comment) {
  return fmt::format("COMMENT ON {} IS {}", what, quote_literal(*comment));
}

class TableSwap {
 public:
  TableSwap(PlanContext& context, const EnumWork& work, const EnumTable& columns)
      : context_(context),
        work_(work),
        columns_(columns),
        table_(columns.table->name),
        checks_(enum_table_checks(context.connection, work, *columns.table)),
        indexes_(enum_indexes(context.connection, work, *columns.table)) {}

  std::vector<std::string> statements() {
    append(statements_, drop_sync(work_, *columns_.table));
    if (work_.back) {
      put_aside();
    } else {
      drop_rules();
    }
    for (const EnumColumnWork* column : columns_.columns) swap_column(*column);
    for (const EnumCheck& check : checks_) swap_check(check);
    for (const EnumIndex& index : indexes_) swap_index(index);
    return std::move(statements_);
  }

 private:
  void add(std::string statement) { statements_.push_back(std::move(statement)); }
  void alter(std::string_view action) { add(alter_table(table_, action)); }
  std::string relation(const std::string& name) const {
    return sql::QualifiedName{table_.schema, name}.quoted();
  }

  /// The old column is NULL in new rows: what judges it must not outlive the swap.
  void drop_rules() {
    for (const EnumCheck& check : checks_) {
      alter("DROP CONSTRAINT " + quote_identifier(check.name));
    }
    for (const EnumIndex& index : indexes_) {
      if (index.constraint_kind != ' ') {
        alter("DROP CONSTRAINT " + quote_identifier(index.index->name));
      } else if (index.index->unique || table_kind() == 'p') {
        add("DROP INDEX " + relation(index.index->name));
      }
    }
  }

  /// Of a way back: all is to be as it was before the swap, from which a run may go on.
  void put_aside() {
    for (const EnumCheck& check : checks_) {
      alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(check.name),
                        quote_identifier(work_.aside_name(check.name))));
    }
    for (const EnumIndex& index : indexes_) {
      if (table_kind() == 'p') {
        put_partitioned_aside(index);
        continue;
      }
      const std::string& name = index.index->name;
      if (index.constraint_kind == ' ') {
        add(rename_index(table_.schema, name, index.aside_name));
      } else if (index.built_as_constraint()) {
        alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(name),
                          quote_identifier(index.aside_name)));
      } else {
        // No constraint gives its index back: another one has been built.
        alter("DROP CONSTRAINT " + quote_identifier(name));
      }
      keys_aside(index, {table_.schema, index.aside_name});
    }
  }

  void put_partitioned_aside(const EnumIndex& index) {
    const bool constraint = index.constraint_kind != ' ';
    if (constraint) {
      alter("DROP CONSTRAINT " + quote_identifier(index.index->name));
    } else {
      add(rename_index(table_.schema, index.index->name, index.aside_name));
      keys_aside(index, {table_.schema, index.aside_name});
    }
    for (const IndexPart& part : index.parts) {
      const sql::QualifiedName aside = partition_index(index.aside_name, part.table);
      add_for(part, [&] {
        if (!constraint) {
          add(rename_index(aside.schema, part.name, aside.name));
        } else if (!part.partitioned) {
          keys_aside(index, aside);
        }
      });
    }
    if (!constraint) name_parts(relation(index.aside_name), Naming::kAside);
  }

  /// What `make` adds is done only while the part's table is one: a partition may have been dropped
  /// or detached since the plan was made. The swap's lock of the root keeps the answer true.
  template <typename Make>
  void add_for(const IndexPart& part, Make make) {
    std::vector<std::string> others = std::exchange(statements_, {});
    make();
    if (!statements_.empty()) {
      others.push_back(only_if(probe::is_partition(part.table), statements_));
    }
    statements_ = std::move(others);
  }

  void keys_aside(const EnumIndex& index, const sql::QualifiedName& aside) {
    for (const EnumColumnWork* column : columns_.columns) {
      if (!index_uses(*index.index, column->column->name)) continue;
      add(rename_column(aside, column->column->name, column->old_name));
    }
  }

  void swap_column(const EnumColumnWork& column) {
    const std::string& name = column.column->name;
    add(rename_column(table_, name, column.old_name));
    add(rename_column(table_, column.shadow, name));
    append(statements_, hand_over_not_null(context_, *columns_.table, *column.column, column.shadow,
                                           column.old_name, work_.back)
                            .forth);
    std::vector<std::string> actions{alter_column(column.old_name, "DROP DEFAULT")};
    if (column.column->default_expression) {
      actions.push_back(alter_column(
          name, "SET DEFAULT " + rewritten_default(context_.connection, work_, column).text));
    }
    alter(join(actions, ", "));
    append(statements_, sql::column_decoration(context_.connection, table_, name, name));
  }

  void swap_check(const EnumCheck& check) {
    alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(check.shadow_name),
                      quote_identifier(check.name)));
    if (check.comment) comment_constraint(table_, check.name, check.comment);
  }

  void comment_constraint(const sql::QualifiedName& table, const std::string& name,
                          const std::optional<std::string>& comment) {
    add(comment_on(fmt::format("CONSTRAINT {} ON {}", quote_identifier(name), table.quoted()),
                   comment));
  }

  char table_kind() const { return columns_.table->kind; }

  /// An index keeps the names its columns had when it was built.
  void rename_keys_of(const EnumIndex& index, const sql::QualifiedName& built) {
    for (const EnumColumnWork* column : columns_.columns) {
      if (!index_uses(*index.index, column->column->name)) continue;
      rename_index_column(built, *column);
    }
  }

  void swap_partitioned_index(const EnumIndex& index) {
    const std::string& name = index.index->name;
    if (index.constraint_kind == ' ') {
      // Renames the keys of the parts too.
      rename_keys_of(index, {table_.schema, index.shadow_name});
      add(rename_index(table_.schema, index.shadow_name, name));
    }
    // From the leaves up: each level takes in those below it.
    for (auto part = index.parts.rbegin(); part != index.parts.rend(); ++part) {
      add_for(*part, [&] { swap_part(index, *part); });
    }
    if (index.constraint_kind == ' ') {
      name_parts(relation(name), Naming::kTaken);
    } else {
      take_in_newcomers(index);
      add_constraint(table_, name, index.constraint_clause);
    }
    decorate_index(index);
  }

  enum class Naming { kTaken, kAside };

  /// Partitions that came since the plan was made, whose parts of an index the server has named,
  /// or a later look of the job at its partitions.
  void name_parts(const std::string& index, Naming naming) {
    const bool taken = naming == Naming::kTaken;
    const std::string prefix = quote_literal(taken ? work_.shadow_name("") : work_.aside_name(""));
    for_parts(fmt::format("pg_catalog.pg_partition_tree({}::regclass) AS t\n"
                          "    JOIN pg_catalog.pg_class AS c ON c.oid = t.relid",
                          quote_literal(index)),
              fmt::format("strpos(c.relname, {}) {} 0", prefix, taken ? ">" : "="),
              taken ? fmt::format("replace(c.relname, {}, '')", prefix)
                    : fmt::format("left({} || c.relname, 63)", prefix),
              "'ALTER INDEX %s RENAME TO %I', part.index, part.wanted");
  }

  /// The same of those whose index was built to become a constraint's.
  void take_in_newcomers(const EnumIndex& index) {
    const std::string prefix = quote_literal(work_.shadow_name(""));
    for_parts(fmt::format("pg_catalog.pg_partition_tree({}::regclass) AS t\n"
                          "    JOIN pg_catalog.pg_index AS x ON x.indrelid = t.relid\n"
                          "    JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid",
                          quote_literal(table_.quoted())),
              fmt::format("t.isleaf AND starts_with(c.relname, {}) AND NOT EXISTS (SELECT FROM "
                          "pg_catalog.pg_constraint AS k WHERE k.conindid = c.oid)",
                          quote_literal(index.shadow_name + "_")),
              fmt::format("replace(c.relname, {}, '')", prefix),
              fmt::format("'ALTER TABLE %s ADD CONSTRAINT %I {} USING INDEX %I', part.leaf, "
                          "part.wanted, part.name",
                          key_words(index)));
  }

  /// `from` has t, a tree's member, and c, its index. A name that is taken is left to who has it.
  void for_parts(const std::string& from, const std::string& where, const std::string& wanted,
                 const std::string& statement) {
    add("DO " + quote_literal(fmt::format(
                    "DECLARE\n  part record;\nBEGIN\n"
                    "  FOR part IN SELECT t.relid::regclass AS leaf, c.oid::regclass AS index,\n"
                    "      c.relname AS name, c.relnamespace AS schema, {} AS wanted\n"
                    "    FROM {}\n"
                    "    WHERE {}\n"
                    "  LOOP\n"
                    "    CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_class AS o\n"
                    "      WHERE o.relname = part.wanted AND o.relnamespace = part.schema);\n"
                    "    EXECUTE format({});\n"
                    "  END LOOP;\nEND",
                    wanted, from, where, statement)));
  }

  void swap_part(const EnumIndex& index, const IndexPart& part) {
    const sql::QualifiedName built = partition_index(index.shadow_name, part.table);
    const std::string quoted = quote_identifier(part.name);
    if (index.constraint_kind == ' ') {
      add(rename_index(built.schema, built.name, part.name));
    } else if (part.partitioned) {
      add_constraint(part.table, part.name, index.constraint_clause);
    } else {
      rename_keys_of(index, built);
      take_in(index, part.table, built.name, part.name);
    }
    if (part.comment) {
      add(comment_on("INDEX " + sql::QualifiedName{built.schema, part.name}.quoted(),
                     part.comment));
    }
    if (part.constraint_comment) {
      comment_constraint(part.table, part.name, part.constraint_comment);
    }
    if (part.clustered) add(alter_table(part.table, "CLUSTER ON " + quoted));
    if (part.replica_identity) {
      add(alter_table(part.table, "REPLICA IDENTITY USING INDEX " + quoted));
    }
  }

  /// The index becomes the constraint's.
  void take_in(const EnumIndex& index, const sql::QualifiedName& table, const std::string& built,
               const std::string& name) {
    add(rename_index(table.schema, built, name));
    add_constraint(table, name,
                   fmt::format("{} USING INDEX {}", key_words(index), quote_identifier(name)));
  }

  static std::string_view key_words(const EnumIndex& index) {
    return index.constraint_kind == 'p' ? "PRIMARY KEY" : "UNIQUE";
  }

  void add_constraint(const sql::QualifiedName& table, const std::string& name,
                      std::string_view definition) {
    add(alter_table(table,
                    fmt::format("ADD CONSTRAINT {} {}", quote_identifier(name), definition)));
  }

  void swap_index(const EnumIndex& index) {
    if (table_kind() == 'p') return swap_partitioned_index(index);
    const std::string& name = index.index->name;
    rename_keys_of(index, {table_.schema, index.shadow_name});
    if (index.constraint_kind == ' ') {
      if (!index.index->unique && !work_.back) {
        add(rename_index(table_.schema, name, index.aside_name));
      }
      add(rename_index(table_.schema, index.shadow_name, name));
    } else if (index.built_as_constraint()) {
      alter(fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(index.shadow_name),
                        quote_identifier(name)));
    } else {
      take_in(index, table_, index.shadow_name, name);
    }
    decorate_index(index);
  }

  void rename_index_column(const sql::QualifiedName& name, const EnumColumnWork& column) {
    const std::string rename = rename_column(name, column.shadow, column.column->name);
    if (!work_.back) return add(rename);
    // The former index itself may stand yet, whose columns never had another name.
    add(only_if(probe::column_exists(name, column.shadow), {rename}));
  }

  void decorate_index(const EnumIndex& index) {
    const std::string& name = index.index->name;
    if (index.comment) add(comment_on("INDEX " + relation(name), index.comment));
    if (index.constraint_comment) comment_constraint(table_, name, index.constraint_comment);
    for (const std::string& target : index.targets) {
      const auto space = target.find(' ');
      add(fmt::format("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS {}", relation(name),
                      target.substr(0, space), target.substr(space + 1)));
    }
    if (index.index->clustered) alter("CLUSTER ON " + quote_identifier(name));
    if (index.index->replica_identity) {
      alter("REPLICA IDENTITY USING INDEX " + quote_identifier(name));
    }
  }

  PlanContext& context_;
  const EnumWork& work_;
  const EnumTable& columns_;
  const sql::QualifiedName& table_;
  std::vector<EnumCheck> checks_;
  std::vector<EnumIndex> indexes_;
  std::vector<std::string> statements_;
};

}  // namespace

std::vector<std::string> swap_table(PlanContext& context, const EnumWork& work,
                                    const EnumTable& columns) {
  return TableSwap(context, work, columns).statements();
}

}  // namespace pgbackfill::planner
