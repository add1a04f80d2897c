-- How to drop a rule of a table and to create it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH r AS (
  SELECT *, format('%I ON %s', rulename, ev_class::regclass) AS name
    FROM pg_rewrite WHERE oid = $1::oid
)
SELECT 'drop' AS phase, 'DROP RULE ' || name AS statement FROM r
 UNION ALL
SELECT 'create', rtrim(pg_get_ruledef(oid), ';') FROM r
 UNION ALL
SELECT 'create',
       format('ALTER TABLE %s %s RULE %I', ev_class::regclass,
              CASE ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                              ELSE 'ENABLE ALWAYS' END, rulename)
  FROM r WHERE ev_enabled <> 'O'
 UNION ALL
SELECT 'create', format('COMMENT ON RULE %s IS %L', name, obj_description(oid, 'pg_rewrite'))
  FROM r WHERE obj_description(oid, 'pg_rewrite') IS NOT NULL
