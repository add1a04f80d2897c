-- How to drop an index and to build it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH i AS (
  SELECT i.*, i.indexrelid::regclass AS name, quote_ident(c.relname) AS bare,
         format('ALTER TABLE %s', i.indrelid::regclass) AS alter
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
   WHERE i.indexrelid = $1::oid
)
SELECT 'drop' AS phase, format('DROP INDEX %s', name) AS statement FROM i
 UNION ALL
SELECT 'create', pg_get_indexdef(indexrelid) FROM i
 UNION ALL
SELECT 'create', format('COMMENT ON INDEX %s IS %L', name, obj_description(indexrelid, 'pg_class'))
  FROM i WHERE obj_description(indexrelid, 'pg_class') IS NOT NULL
 UNION ALL
-- Unset is -1, or NULL from PostgreSQL 17 on.
SELECT 'create', format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', name, a.attnum,
                        a.attstattarget)
  FROM i JOIN pg_attribute a ON a.attrelid = i.indexrelid AND coalesce(a.attstattarget, -1) >= 0
 UNION ALL
SELECT 'create', format('%s CLUSTER ON %s', alter, bare) FROM i WHERE indisclustered
 UNION ALL
SELECT 'create', format('%s REPLICA IDENTITY USING INDEX %s', alter, bare)
  FROM i WHERE indisreplident
