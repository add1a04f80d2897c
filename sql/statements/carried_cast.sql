-- How to drop a cast and to create it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH c AS (
  SELECT *, format('CAST (%s AS %s)', format_type(castsource, NULL), format_type(casttarget, NULL)) AS name
    FROM pg_cast WHERE oid = $1::oid
)
SELECT 'drop' AS phase, 'DROP ' || name AS statement FROM c
 UNION ALL
SELECT 'create',
       format('CREATE %s %s%s', name,
              CASE castmethod WHEN 'f' THEN 'WITH FUNCTION ' || castfunc::regprocedure
                              WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END,
              CASE castcontext WHEN 'i' THEN ' AS IMPLICIT' WHEN 'a' THEN ' AS ASSIGNMENT' END)
  FROM c
 UNION ALL
SELECT 'create', format('COMMENT ON %s IS %L', name, obj_description(oid, 'pg_cast'))
  FROM c WHERE obj_description(oid, 'pg_cast') IS NOT NULL
