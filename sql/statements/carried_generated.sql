-- How to drop a generated column and to add it again.
-- $1 oid: of pg_attrdef. REQUIRES: search_path = pg_catalog
WITH g AS (
  SELECT format('ALTER TABLE %s', d.adrelid::regclass) AS alter, quote_ident(a.attname) AS name,
         format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
         pg_get_expr(d.adbin, d.adrelid) AS expression,
         CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END AS manner,
         CASE WHEN a.attcollation <> t.typcollation
              THEN format(' COLLATE %I.%I', n.nspname, co.collname) ELSE '' END AS collated
    FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_namespace n ON n.oid = co.collnamespace
   WHERE d.oid = $1::oid
)
SELECT 'drop' AS phase, format('%s DROP COLUMN %s', alter, name) AS statement FROM g
 UNION ALL
SELECT 'create',
       format('%s ADD COLUMN %s %s%s GENERATED ALWAYS AS (%s) %s%s', alter, name, type, collated,
              expression, manner, CASE WHEN attnotnull THEN ' NOT NULL' END)
  FROM g
