#include "planner/plan/step_builder.hpp"
#include "sql/connection.hpp"

namespace pgbackfill::planner {
namespace {

/// $1 index, quoted; $2 text[] columns to replace; $3 text[] their replacements, in order.
/// Assembled from the catalog's parts: the text of pg_get_indexdef() cannot be edited safely.
constexpr std::string_view kDefinition = R"(
WITH idx AS (
  SELECT i.*, c.relname, c.reloptions, c.reltablespace, am.amname,
         coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_alike
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS am ON am.oid = c.relam
   WHERE i.indexrelid = $1::regclass
), part AS (
  SELECT k, k <= idx.indnkeyatts AS is_key,
         CASE WHEN r.shadow IS NOT NULL THEN quote_ident(r.shadow)
              ELSE pg_get_indexdef(idx.indexrelid, k, false) END AS name,
         CASE WHEN r.shadow IS NULL AND co.oid IS NOT NULL AND co.oid <> coalesce(a.attcollation, 0)
              THEN format(' COLLATE %I.%I', con.nspname, co.collname) ELSE '' END AS collated,
         CASE WHEN NOT opc.opcdefault OR params.list IS NOT NULL
              THEN format(' %I.%I', opn.nspname, opc.opcname) || coalesce(' (' || params.list || ')', '')
              ELSE '' END AS opclass,
         CASE WHEN NOT pg_indexam_has_property(am.oid, 'can_order') THEN ''
              ELSE CASE WHEN idx.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE '' END
                || CASE WHEN idx.indoption[k - 1] & 2 = 2 THEN ' NULLS FIRST' ELSE ' NULLS LAST' END
         END AS ordering
    FROM idx
    JOIN pg_am AS am ON am.amname = idx.amname
   CROSS JOIN generate_series(1, idx.indnatts::int) AS k
    LEFT JOIN pg_attribute AS a ON a.attrelid = idx.indrelid AND a.attnum = idx.indkey[k - 1] AND a.attnum > 0
    LEFT JOIN unnest($2::text[], $3::text[]) AS r (name, shadow) ON r.name = a.attname
    LEFT JOIN pg_opclass AS opc ON opc.oid = idx.indclass[k - 1]
    LEFT JOIN pg_namespace AS opn ON opn.oid = opc.opcnamespace
    LEFT JOIN pg_collation AS co ON co.oid = idx.indcollation[k - 1]
    LEFT JOIN pg_namespace AS con ON con.oid = co.collnamespace
    LEFT JOIN pg_attribute AS ia ON ia.attrelid = idx.indexrelid AND ia.attnum = k
    LEFT JOIN LATERAL (
      -- Some builds of the server keep entries of their own in attoptions.
      SELECT string_agg(format('%s = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') AS list
        FROM unnest(ia.attoptions) AS o WHERE o NOT LIKE 'pg\_attver=%') AS params ON true
)
SELECT format('USING %I (%s)', amname,
              (SELECT string_agg(name || collated || opclass || ordering, ', ' ORDER BY k)
                 FROM part WHERE is_key))
       || coalesce((SELECT format(' INCLUDE (%s)', string_agg(name, ', ' ORDER BY k))
                      FROM part WHERE NOT is_key HAVING count(*) > 0), '')
       || CASE WHEN nulls_alike THEN ' NULLS NOT DISTINCT' ELSE '' END
       || coalesce((SELECT format(' WITH (%s)', string_agg(format('%s = %L', split_part(o, '=', 1),
                                                            substr(o, strpos(o, '=') + 1)), ', '))
                      FROM unnest(reloptions) AS o HAVING count(*) > 0), '')
       || coalesce((SELECT format(' TABLESPACE %I', spcname) FROM pg_tablespace
                     WHERE oid = reltablespace), '')
       || coalesce(' WHERE ' || pg_get_expr(indpred, indrelid), '')
  FROM idx)";

}  // namespace

std::string index_definition(sql::Connection& connection, const sql::QualifiedName& index,
                             const std::vector<std::string>& columns,
                             const std::vector<std::string>& replacements) {
  return std::string(connection
                         .execute(kDefinition, {index.quoted(), sql::text_array_literal(columns),
                                                sql::text_array_literal(replacements)})
                         .text(0, 0));
}

}  // namespace pgbackfill::planner
