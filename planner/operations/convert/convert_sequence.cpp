#include "planner/operations/convert/convert_work.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

struct Sequence {
  sql::QualifiedName name;
  std::string identity;  ///< ALWAYS, BY DEFAULT, or empty for a serial column
  std::string type;
  std::string options;
  std::string limits;       ///< as they are
  std::string wide_limits;  ///< without those that are only the type's
  std::string increment;
  std::vector<std::string> grants;
};

std::vector<Sequence> read_sequences(sql::Connection& connection, const ConvertColumn& column) {
  const sql::Result rows = connection.execute(sql::statement("convert_sequences"),
                                              {column.table->name.quoted(), column.column->name});
  const auto text = [&](int row, int at) { return std::string(rows.text(row, at)); };
  std::vector<Sequence> sequences;
  for (int i = 0; i < rows.rows(); ++i) {
    sequences.push_back({{text(i, 0), text(i, 1)},
                         text(i, 2),
                         text(i, 3),
                         text(i, 4),
                         text(i, 5),
                         text(i, 6),
                         text(i, 7),
                         rows.text_array(i, 8)});
  }
  return sequences;
}

/// An identity's sequence cannot change its column: a new one takes its name and its place.
std::vector<std::string> move_identity(const sql::QualifiedName& table, const Sequence& sequence,
                                       const std::string& from, const std::string& to,
                                       const std::string& limits) {
  const sql::QualifiedName made{sequence.name.schema,
                                sql::fit_identifier("pgbackfill_conv_" + sequence.name.name)};
  std::vector<std::string> statements{
      // Changes nothing, and keeps others from taking a number while the place is carried over.
      alter_table(table, fmt::format("ALTER COLUMN {} SET INCREMENT BY {}", quote_identifier(from),
                                     sequence.increment)),
      alter_table(table, fmt::format("ALTER COLUMN {} ADD GENERATED {} AS IDENTITY (SEQUENCE NAME "
                                     "{} {} {})",
                                     quote_identifier(to), sequence.identity, made.quoted(), limits,
                                     sequence.options)),
      fmt::format("SELECT setval({}, last_value, is_called) FROM {}",
                  sql::quote_literal(made.quoted()), sequence.name.quoted()),
      alter_table(table, fmt::format("ALTER COLUMN {} DROP IDENTITY", quote_identifier(from))),
      fmt::format("ALTER SEQUENCE {} RENAME TO {}", made.quoted(),
                  quote_identifier(sequence.name.name))};
  append(statements, sequence.grants);
  return statements;
}

std::vector<std::string> move_serial(const sql::QualifiedName& table, const Sequence& sequence,
                                     const std::string& to, const std::string& type) {
  const std::string alter = fmt::format("ALTER SEQUENCE {} ", sequence.name.quoted());
  std::vector<std::string> statements{
      fmt::format("{}OWNED BY {}.{}", alter, table.quoted(), quote_identifier(to))};
  if (!type.empty()) statements.push_back(alter + "AS " + type);
  return statements;
}

}  // namespace

SequenceHandover hand_over_sequences(sql::Connection& connection, const ConvertColumn& column) {
  SequenceHandover handover;
  const sql::QualifiedName& table = column.table->name;
  for (const Sequence& sequence : read_sequences(connection, column)) {
    if (!sequence.identity.empty()) {
      append(handover.forth, move_identity(table, sequence, column.old_name, column.column->name,
                                           sequence.wide_limits));
      append(handover.back,
             move_identity(table, sequence, column.shadow, column.column->name, sequence.limits));
      continue;
    }
    const bool grows = column.type == "bigint" && sequence.type == column.column->type;
    append(handover.forth,
           move_serial(table, sequence, column.column->name, grows ? column.type : ""));
    append(handover.back,
           move_serial(table, sequence, column.column->name, grows ? sequence.type : ""));
  }
  return handover;
}

std::vector<std::string> sequences_beyond(sql::Connection& connection,
                                          const ConvertColumn& column) {
  std::vector<std::string> questions;
  for (const Sequence& sequence : read_sequences(connection, column)) {
    // One that is wider than its column stays as wide.
    if (sequence.identity.empty() && sequence.type != column.column->type) continue;
    questions.push_back(fmt::format(
        "SELECT {} || last_value || {}, true FROM {} WHERE NOT ({})",
        sql::quote_literal(
            fmt::format("{}: its sequence {} stands at ", column.shown(), sequence.name.quoted())),
        sql::quote_literal(
            fmt::format(", beyond {}; set it back first (setval)", column.column->type)),
        sequence.name.quoted(), fits_old_integer(column, "last_value")));
  }
  return questions;
}

}  // namespace pgbackfill::planner
