#include "planner/plan/losses.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

using sql::quote_literal;

std::string column_dependents(const sql::QualifiedName& table, const std::string& label,
                              const std::string& column, const std::vector<std::string>& carried) {
  // What the plan names is the job's own, and is taken back before. Up to version 14 a generated
  // column goes with those it is made of, unasked.
  return fmt::format(
      R"(WITH d AS (
  SELECT d.*, {0} || pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS what, a.attrelid
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass({1}) AND a.attname = {2} AND {3}
), own AS (
  SELECT d.what, coalesce(i.relname, k.conname) AS name
    FROM d
    LEFT JOIN pg_catalog.pg_class AS i
      ON d.classid = 'pg_class'::regclass AND i.oid = d.objid AND i.relkind IN ('i', 'I')
    LEFT JOIN pg_catalog.pg_constraint AS k
      ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.conrelid = d.attrelid
     AND k.contype <> 'n'
)
SELECT what || ' depends on it; drop that first', true FROM d
 WHERE (deptype = 'n' OR deptype = 'a' AND d.classid = 'pg_class'::regclass AND d.objsubid > 0)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE d.classid = 'pg_trigger'::regclass
                      AND g.oid = d.objid AND g.tgname LIKE '%pgbackfill%')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE
                   d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
                   AND (k.conrelid = d.attrelid OR strpos((SELECT plan FROM pgbackfill.job
                          ORDER BY job_id DESC LIMIT 1), '\"' || k.conname || '\"') > 0))
UNION
SELECT what || ' goes with it', false FROM own
 WHERE strpos((SELECT plan FROM pgbackfill.job ORDER BY job_id DESC LIMIT 1),
              '\"' || name || '\"') = 0
 ORDER BY 1)",
      quote_literal(fmt::format("column {} of {}: ", column, label)), quote_literal(table.quoted()),
      quote_literal(column), not_among(carried, "d.classid", "d.objid", "d.objsubid"));
}

std::string type_dependents(const sql::QualifiedName& type, const std::string& label,
                            const std::vector<ColumnName>& known,
                            const std::vector<std::string>& carried) {
  std::vector<std::string> columns;
  for (const auto& [table, column] : known) {
    columns.push_back(
        fmt::format("({}, {})", quote_literal(table.quoted()), quote_literal(column)));
  }
  return fmt::format(
      "WITH known AS (SELECT a.attrelid, a.attnum FROM (VALUES {0}) AS k (rel, name) JOIN "
      "pg_catalog.pg_attribute AS a ON a.attrelid = to_regclass(k.rel) AND a.attname = k.name) "
      "SELECT {1} || pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) || ' depends on "
      "it; change or drop that first', true "
      "FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_depend AS d ON d.refclassid = "
      "'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) "
      "WHERE t.oid = to_regtype({2}) AND d.deptype = 'n' AND {3} "
      "AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE d.classid = "
      "'pg_class'::regclass AND a.attrelid = d.objid AND a.attnum = d.objsubid AND (a.attinhcount "
      "> 0 OR (a.attrelid, a.attnum) IN (SELECT * FROM known))) "
      // What a partition has from its table comes and goes with the table's own.
      "AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE d.classid = 'pg_class'::regclass "
      "AND d.objsubid = 0 AND c.oid = d.objid AND c.relkind IN ('i', 'I') AND c.relispartition) "
      "AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE d.classid = "
      "'pg_constraint'::regclass AND k.oid = d.objid AND k.coninhcount > 0) "
      "AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS g WHERE d.classid = "
      "'pg_trigger'::regclass AND g.oid = d.objid AND g.tgparentid <> 0) "
      "AND NOT EXISTS (SELECT FROM pg_catalog.pg_attrdef AS v JOIN pg_catalog.pg_attribute AS a ON "
      "a.attrelid = v.adrelid AND a.attnum = v.adnum WHERE d.classid = 'pg_attrdef'::regclass AND "
      "v.oid = d.objid AND (a.attinhcount > 0 OR (a.attrelid, a.attnum) IN (SELECT * FROM known)))",
      join(columns, ", "), quote_literal(fmt::format("type {}: ", label)),
      quote_literal(type.quoted()), not_among(carried, "d.classid", "d.objid", "d.objsubid"));
}

namespace {

std::vector<std::string> identities(sql::Connection& connection, const std::string& from) {
  const sql::Result rows = connection.execute(
      "SELECT DISTINCT i.type || ' ' || i.identity FROM " + from +
      " CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i WHERE "
      "i.identity IS NOT NULL ORDER BY 1");
  std::vector<std::string> found;
  for (int i = 0; i < rows.rows(); ++i) found.emplace_back(rows.text(i, 0));
  return found;
}

}  // namespace

std::vector<std::string> dependents_now(sql::Connection& connection,
                                        const sql::QualifiedName& table,
                                        const std::string& column) {
  return identities(
      connection,
      fmt::format("pg_attribute AS a JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass "
                  "AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND a.attrelid = "
                  "{}::regclass AND a.attname = {}",
                  quote_literal(table.quoted()), quote_literal(column)));
}

std::vector<std::string> dependents_now(sql::Connection& connection,
                                        const sql::QualifiedName& type) {
  return identities(
      connection,
      fmt::format("pg_type AS t JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND "
                  "d.refobjid IN (t.oid, t.typarray) AND t.oid = {}::regtype",
                  quote_literal(type.quoted())));
}

std::string not_among(const std::vector<std::string>& identities, std::string_view classid,
                      std::string_view objid, std::string_view objsubid) {
  if (identities.empty()) return "true";
  return fmt::format(
      "(SELECT i.type || ' ' || i.identity FROM pg_catalog.pg_identify_object({}, {}, {}) AS i) "
      "<> ALL (ARRAY[{}])",
      classid, objid, objsubid, literal_list(identities));
}

}  // namespace pgbackfill::planner
