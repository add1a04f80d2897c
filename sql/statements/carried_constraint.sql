-- How to drop a constraint of a table and to add it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH k AS (
  SELECT k.*, quote_ident(conname) AS name, conrelid::regclass AS relation,
         format('ALTER TABLE %s', conrelid::regclass) AS alter,
         coalesce(i.indisclustered, false) AS clustered, coalesce(i.indisreplident, false) AS identity
    FROM pg_constraint k
    LEFT JOIN pg_index i ON i.indexrelid = k.conindid
   WHERE k.oid = $1::oid
)
SELECT 'drop' AS phase, format('%s DROP CONSTRAINT %s', alter, name) AS statement FROM k
 UNION ALL
SELECT 'create', format('%s ADD CONSTRAINT %s %s', alter, name, pg_get_constraintdef(oid)) FROM k
 UNION ALL
SELECT 'create', format('COMMENT ON CONSTRAINT %s ON %s IS %L', name, relation,
                        obj_description(oid, 'pg_constraint'))
  FROM k WHERE obj_description(oid, 'pg_constraint') IS NOT NULL
 UNION ALL
SELECT 'create', format('COMMENT ON INDEX %s IS %L', conindid::regclass,
                        obj_description(conindid, 'pg_class'))
  FROM k WHERE conindid <> 0 AND obj_description(conindid, 'pg_class') IS NOT NULL
 UNION ALL
SELECT 'create', format('%s CLUSTER ON %s', alter, name) FROM k WHERE clustered
 UNION ALL
SELECT 'create', format('%s REPLICA IDENTITY USING INDEX %s', alter, name) FROM k WHERE identity
