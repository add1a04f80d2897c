-- How to drop a row security policy and to create it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH p AS (
  SELECT *, format('%I ON %s', polname, polrelid::regclass) AS name
    FROM pg_policy WHERE oid = $1::oid
)
SELECT 'drop' AS phase, 'DROP POLICY ' || name AS statement FROM p
 UNION ALL
SELECT 'create',
       format('CREATE POLICY %s AS %s FOR %s TO %s%s%s', name,
              CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
              CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                          WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
              (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END,
                                 ', ')
                 FROM unnest(polroles) AS role),
              ' USING (' || pg_get_expr(polqual, polrelid) || ')',
              ' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')')
  FROM p
 UNION ALL
SELECT 'create', format('COMMENT ON POLICY %s IS %L', name, obj_description(oid, 'pg_policy'))
  FROM p WHERE obj_description(oid, 'pg_policy') IS NOT NULL
