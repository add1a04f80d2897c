-- How to drop an extended statistics object and to create it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH s AS (
  SELECT s.*, format('%I.%I', n.nspname, s.stxname) AS name,
         to_jsonb(s) ->> 'stxstattarget' AS target
    FROM pg_statistic_ext s
    JOIN pg_namespace n ON n.oid = s.stxnamespace
   WHERE s.oid = $1::oid
)
SELECT 'drop' AS phase, 'DROP STATISTICS ' || name AS statement FROM s
 UNION ALL
SELECT 'create', pg_get_statisticsobjdef(oid) FROM s
 UNION ALL
SELECT 'create', format('ALTER STATISTICS %s SET STATISTICS %s', name, target)
  FROM s WHERE target::integer >= 0
 UNION ALL
SELECT 'create', format('COMMENT ON STATISTICS %s IS %L', name, obj_description(oid, 'pg_statistic_ext'))
  FROM s WHERE obj_description(oid, 'pg_statistic_ext') IS NOT NULL
 UNION ALL
SELECT 'create', format('ALTER STATISTICS %s OWNER TO %I', name, pg_get_userbyid(stxowner))
  FROM s WHERE pg_get_userbyid(stxowner) <> current_user
