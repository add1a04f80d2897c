#include "tools/shrink/tables.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

namespace pgbackfill::tools {
namespace {

constexpr std::string_view kOurs = R"sql(
  n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgbackfill')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
)sql";

constexpr std::string_view kTables = R"sql(
SELECT format('%I.%I', n.nspname, c.relname), c.relkind = 'r',
       ARRAY(SELECT quote_ident(a.attname) FROM pg_attribute AS a WHERE a.attrelid = c.oid
             AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
       ARRAY(SELECT quote_ident(a.attname) FROM pg_index AS i, pg_attribute AS a
             WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid
             AND a.attnum = ANY (i.indkey::int2[]) ORDER BY a.attnum)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND )sql";

constexpr std::string_view kKeys = R"sql(
SELECT (SELECT format('%I.%I', rn.nspname, r.relname) FROM pg_class AS r
        JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
        WHERE r.oid = coalesce(pg_partition_root(k.conrelid), k.conrelid)),
       format('%I.%I', n.nspname, c.relname),
       (SELECT format('%I.%I', rn.nspname, r.relname) FROM pg_class AS r
        JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
        WHERE r.oid = coalesce(pg_partition_root(k.confrelid), k.confrelid)),
       (SELECT format('%I.%I', rn.nspname, r.relname) FROM pg_class AS r
        JOIN pg_namespace AS rn ON rn.oid = r.relnamespace WHERE r.oid = k.confrelid),
       ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
             ORDER BY u.place),
       ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.confkey) WITH ORDINALITY AS u(attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
             ORDER BY u.place)
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND )sql";

constexpr std::string_view kSequences = R"sql(
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND )sql";

sql::Result ours(sql::Connection& connection, std::string_view query, std::string_view order) {
  return connection.execute(std::string(query) + std::string(kOurs) + std::string(order));
}

}  // namespace

std::string SourceKey::condition() const {
  std::string text;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) text += " AND ";
    text += "child." + columns[i] + " = parent." + target_columns[i];
  }
  return text;
}

const SourceTable& SourceSchema::table(const std::string& name) const {
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [&](const SourceTable& table) { return table.name == name; });
  if (found == tables.end()) throw std::runtime_error("there is no table " + name);
  return *found;
}

SourceSchema read_source(sql::Connection& connection) {
  SourceSchema schema;
  const sql::Result tables = ours(connection, kTables, " ORDER BY 1");
  for (int row = 0; row < tables.rows(); ++row) {
    schema.tables.push_back({std::string(tables.text(row, 0)), tables.boolean(row, 1),
                             tables.text_array(row, 2), tables.text_array(row, 3)});
  }
  const sql::Result keys = ours(connection, kKeys, " ORDER BY 1, k.conname, 2");
  for (int row = 0; row < keys.rows(); ++row) {
    schema.keys.push_back({std::string(keys.text(row, 0)), std::string(keys.text(row, 1)),
                           std::string(keys.text(row, 2)), std::string(keys.text(row, 3)),
                           keys.text_array(row, 4), keys.text_array(row, 5)});
  }
  const sql::Result sequences = ours(connection, kSequences, " ORDER BY 1");
  for (int row = 0; row < sequences.rows(); ++row) {
    schema.sequences.emplace_back(sequences.text(row, 0));
  }
  return schema;
}

}  // namespace pgbackfill::tools
