#pragma once

#include "planner/job_spec.hpp"
#include "sql/catalog.hpp"
#include "sql/identifier.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// In the order in which they run. The names are part of the command line and of the ledger.
enum class Stage { kEnsure, kExpand, kBackfill, kEnforce, kForeignKey, kIndex, kFinish };
inline constexpr int kStageCount = 7;
std::string_view to_string(Stage stage);
std::optional<Stage> parse_stage(std::string_view name);

enum class Method { kCatalog, kCopy, kUpdate };
std::string_view to_string(Method method);

/// kBlock reads a table by ranges of heap blocks, kKey by ranges of its row key.
enum class ReadOrder { kBlock, kKey };
std::string_view to_string(ReadOrder order);

/// How a worker finds the value of one column of one row.
enum class ResolveKind {
  kConstant,  ///< `constant` for every row
  kLookup,    ///< input value -> lookup entry
  kRemap,     ///< enum label -> label
  kServer,    ///< the server computes it while the row is read (parent, sql)
};

/// Where the value of a derived column can be read for all rows at once, as a join: cheaper than
/// the same value row by row. At most one row of the source belongs to a row t.
struct ValueJoin {
  std::string from;   ///< the source, which gets the alias s
  std::string on;     ///< over s and the row t
  std::string value;  ///< the value in it; NULL where the source has none
  double rows = 0;    ///< of the source, as far as is known
};

/// One column that a backfill sets. SQL texts refer to the row by the alias t.
struct Assignment {
  std::string column;  ///< the column to set (tenant column, or an enum's shadow)
  std::string type;    ///< its type, as SQL
  ResolveKind resolve = ResolveKind::kConstant;
  std::string constant;                                    ///< kConstant, as text
  std::string lookup;                                      ///< kLookup: LookupSpec name
  std::vector<std::pair<std::string, std::string>> remap;  ///< kRemap: every old label -> new label
  /// The column the value depends on and its type as SQL; empty when there is none (constant,
  /// sql). The write checks that it still has the value that was read.
  std::string input;
  std::string input_type;
  /// The value as a scalar expression, without `otherwise`: for the update method, for reading
  /// (kServer), and for verify. NULL where the row has no value.
  std::string expression;
  /// The same as a join, where there is one and rows that it does not find get nothing.
  std::optional<ValueJoin> join;
  Otherwise otherwise;
  /// Predicate: this row still needs the column ("t.org_id IS NULL").
  std::string pending;
};

struct KeyColumn {
  std::string name;
  std::string type;
};

/// The backfill of one physical table (a leaf, where the table is partitioned).
struct TableBackfill {
  sql::QualifiedName table;
  Method method = Method::kCopy;
  ReadOrder order = ReadOrder::kBlock;
  std::vector<KeyColumn> key;  ///< row key; empty when the table has none
  /// The heap lies in the key's order, so that a copied batch of neighbouring rows finds them
  /// again fastest by the key's index, in block order too.
  bool clustered = false;
  std::vector<Assignment> assignments;
  double estimated_rows = 0;
  std::int64_t blocks = 0;
  int fillfactor = 100;
  int indexes = 0;  ///< all of them, each of which a row that leaves its page must enter anew
  std::int64_t buffers = 0;  ///< shared_buffers, in blocks; 0: unknown
  std::string why;           ///< of the method, for people
};

enum class StepKind {
  kSql,       ///< statements in one transaction
  kAlone,     ///< each statement on its own, outside a transaction (CREATE INDEX CONCURRENTLY)
  kLookup,    ///< creates and fills the ledger's copy of a lookup
  kBackfill,  ///< the data path
  /// sql[0] finds rows by their key's columns, sql[1] mends those given as one array per column;
  /// again and again until none is found
  kReconcile,
  kFill,     ///< as kReconcile; each row is mended once, however many there are
  kCatchUp,  ///< as kReconcile, but sql[0] looks only at rows that a trigger noted
};

/// The step that creates the ledger; taken back by removing the ledger, after all others.
inline constexpr std::string_view kLedgerStep = "ensure:ledger";

/// One resumable unit of the plan.
struct Step {
  std::string id;  ///< stable and unique: "expand:bookings:add-column:org_id"
  Stage stage = Stage::kEnsure;
  StepKind kind = StepKind::kSql;
  /// Table it works on, for display and because DDL goes one at a time per table; empty when it
  /// concerns none (or several).
  std::string table;
  /// The partition that it is about, as SQL names it, where it is about one of a partitioned table;
  /// which may be dropped or leave its table while the job is under way.
  std::string partition = {};
  std::string title;             ///< for people: "add column org_id uuid"
  std::vector<std::string> sql;  ///< what it sends; for kBackfill the shape of a batch
  /// SELECT of one boolean: is it already so? Asked right before; true skips the step.
  /// Empty: the ledger decides.
  std::string probe;
  /// SELECT of one boolean and what to run first when it is true (an invalid index of an
  /// interrupted build). Both empty or both set.
  std::string leftover_probe;
  std::string leftover_sql;
  /// What must be carried out before `inverse`, in order, where one transaction cannot take the
  /// step back: steps like any other, each with a probe or harmless to repeat, which the ledger
  /// does not know.
  std::vector<Step> undo;
  /// Takes the step back; empty with `irreversible` saying why it cannot be. Both empty: there is
  /// nothing to take back (a validation ends with its constraint, a value with its column).
  std::vector<std::string> inverse;
  std::string irreversible;
  /// SELECTs of (text, boolean), to be asked while the step is done: what taking it back would not
  /// bring back, or (true) what stands in its way.
  std::vector<std::string> losses;
  std::string lookup;        ///< kLookup: its name
  std::string lookup_table;  ///< kLookup: quoted name of the table it fills
  /// Where a CHECK may fail because a row slipped in: the backfill steps to sweep before trying
  /// once more.
  std::vector<std::string> sweep;
  std::vector<std::string> after;  ///< steps of its stage that must be complete before
  std::optional<TableBackfill> backfill;
};

/// With its table, for people.
std::string title_of(const Step& step);

/// What to look at after the job, per core table. Physical parent names.
struct TableTarget {
  sql::QualifiedName table;
  std::string column;
  std::string type;
  sql::QualifiedName references;
  std::string references_column;
  std::string foreign_key;
  std::vector<IndexSpec> indexes;
};

struct EnumTarget {
  sql::QualifiedName type;
  std::vector<std::string> labels;
  bool ordered = true;
};

struct Plan {
  std::string schema;
  std::vector<Step> steps;  ///< in execution order
  std::vector<TableTarget> tables;
  std::vector<EnumTarget> enums;
  std::vector<std::string> notes;  ///< skipped tables, chosen methods worth a word

  const Step* step(std::string_view id) const;
};

/// Decides everything. REQUIRES: `check_against_catalog` found nothing and preflight refused
/// nothing. Reads through `connection`; changes nothing.
Plan make_plan(const JobSpec& spec, const sql::Catalog& catalog, sql::Connection& connection);

/// What can be told of a plan in a tenth of its size: the steps that write rows or cannot be taken
/// back, without their SQL, and the targets.
Plan outline(const Plan& plan);

std::string to_text(const Plan& plan);
std::string to_sql(const Plan& plan);   ///< psql-runnable but for the backfill, which is a comment
std::string to_json(const Plan& plan);  ///< stable; also how the ledger keeps the plan
Plan plan_from_json(std::string_view json);

}  // namespace pgbackfill::planner
