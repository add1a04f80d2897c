-- How to drop a column's default and to set it again.
-- $1 oid: of pg_attrdef. REQUIRES: search_path = pg_catalog
WITH d AS (
  SELECT format('ALTER TABLE %s ALTER COLUMN %I', d.adrelid::regclass, a.attname) AS alter,
         pg_get_expr(d.adbin, d.adrelid) AS expression
    FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
   WHERE d.oid = $1::oid
)
SELECT 'drop' AS phase, alter || ' DROP DEFAULT' AS statement FROM d
 UNION ALL
SELECT 'create', alter || ' SET DEFAULT ' || expression FROM d
