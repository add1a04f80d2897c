-- How to drop a generated column and to add it again.
-- $1 oid: of pg_attrdef. REQUIRES: search_path = pg_catalog
WITH g AS (
  SELECT format('ALTER TABLE %s', d.adrelid::regclass) AS alter, quote_ident(a.attname) AS name,
         format_type(a.atttypid, a.atttypmod) AS type, d.adrelid::regclass AS relation,
         -- From PostgreSQL 18 on it is a constraint.
         CASE WHEN nn.oid IS NOT NULL
              THEN format(', ADD CONSTRAINT %I %s', nn.conname, pg_get_constraintdef(nn.oid))
              WHEN a.attnotnull THEN ' NOT NULL' END AS not_null,
         quote_ident(nn.conname) AS rule, obj_description(nn.oid, 'pg_constraint') AS comment,
         pg_get_expr(d.adbin, d.adrelid) AS expression,
         CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END AS manner,
         CASE WHEN a.attcollation <> t.typcollation
              THEN format(' COLLATE %I.%I', n.nspname, co.collname) ELSE '' END AS collated
    FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_constraint nn
      ON nn.conrelid = d.adrelid AND nn.contype = 'n' AND nn.conkey = ARRAY[d.adnum]
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_namespace n ON n.oid = co.collnamespace
   WHERE d.oid = $1::oid
)
SELECT 'drop' AS phase, format('%s DROP COLUMN %s', alter, name) AS statement FROM g
 UNION ALL
SELECT 'create',
       format('%s ADD COLUMN %s %s%s GENERATED ALWAYS AS (%s) %s%s', alter, name, type, collated,
              expression, manner, not_null)
  FROM g
 UNION ALL
SELECT 'create', format('COMMENT ON CONSTRAINT %s ON %s IS %L', rule, relation, comment)
  FROM g WHERE comment IS NOT NULL
