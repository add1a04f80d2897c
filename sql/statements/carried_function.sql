-- How to drop a function or procedure and to create it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH f AS (
  SELECT p.*, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS what,
         format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
         quote_ident(pg_get_userbyid(p.proowner)) AS owner, acldefault('f', p.proowner) AS usual
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE p.oid = $1::oid
)
SELECT phase, statement
  FROM (
    SELECT 0 AS place, 0::bigint AS nth, 'drop' AS phase, format('DROP %s %s', what, name) AS statement
      FROM f
     UNION ALL
    SELECT 1, 0, 'create', pg_get_functiondef(oid) FROM f
     UNION ALL
    SELECT 2, 0, 'create', format('COMMENT ON %s %s IS %L', what, name, obj_description(oid, 'pg_proc'))
      FROM f WHERE obj_description(oid, 'pg_proc') IS NOT NULL
     UNION ALL
    SELECT 3, 0, 'create', format('ALTER %s %s OWNER TO %s', what, name, owner)
      FROM f WHERE pg_get_userbyid(proowner) <> current_user
     UNION ALL
    SELECT 4, 0, 'create', format('REVOKE ALL ON %s %s FROM PUBLIC, %s', what, name, owner)
      FROM f WHERE proacl IS NOT NULL AND NOT proacl::text[] @> usual::text[]
     UNION ALL
    SELECT 5, g.nth, 'create',
           format('GRANT %s ON %s %s TO %s%s', g.privilege_type, what, name,
                  CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                  CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
      FROM f
     CROSS JOIN aclexplode(f.proacl) WITH ORDINALITY AS g (grantor, grantee, privilege_type, is_grantable, nth)
     WHERE g.grantee NOT IN (0, f.proowner) OR NOT f.proacl::text[] @> f.usual::text[]
  ) AS parts
 ORDER BY place, nth, statement
