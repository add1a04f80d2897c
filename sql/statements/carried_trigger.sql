-- How to drop a trigger and to create it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH g AS (
  SELECT *, format('%I ON %s', tgname, tgrelid::regclass) AS name
    FROM pg_trigger WHERE oid = $1::oid
)
SELECT 'drop' AS phase, 'DROP TRIGGER ' || name AS statement FROM g
 UNION ALL
SELECT 'create', pg_get_triggerdef(oid) FROM g
 UNION ALL
SELECT 'create',
       format('ALTER TABLE %s %s TRIGGER %I', tgrelid::regclass,
              CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                             ELSE 'ENABLE ALWAYS' END, tgname)
  FROM g WHERE tgenabled <> 'O'
 UNION ALL
SELECT 'create', format('COMMENT ON TRIGGER %s IS %L', name, obj_description(oid, 'pg_trigger'))
  FROM g WHERE obj_description(oid, 'pg_trigger') IS NOT NULL
