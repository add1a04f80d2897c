-- How to drop a view or materialized view and to create it again, without its columns' decoration.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
WITH v AS (
  SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name, n.oid AS namespace,
         CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS what,
         quote_ident(pg_get_userbyid(c.relowner)) AS owner, am.amname, ts.spcname,
         acldefault('r', c.relowner) AS usual
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am am ON am.oid = c.relam
    LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
   WHERE c.oid = $1::oid
)
SELECT phase, statement
  FROM (
    SELECT 0 AS place, 0::bigint AS nth, 'drop' AS phase, format('DROP %s %s', what, name) AS statement
      FROM v
     UNION ALL
    SELECT 1, 0, 'create',
           format('CREATE %s %s%s%s%s AS %s%s', what, name, ' USING ' || quote_ident(amname),
                  (SELECT format(' WITH (%s)', string_agg(format('%s = %L', split_part(o, '=', 1),
                                                          substr(o, strpos(o, '=') + 1)), ', '))
                     FROM unnest(reloptions) AS o HAVING count(*) > 0),
                  ' TABLESPACE ' || quote_ident(spcname),
                  rtrim(pg_get_viewdef(oid), ';'),
                  CASE relkind WHEN 'm' THEN ' WITH NO DATA' END)
      FROM v
     UNION ALL
    SELECT 2, d.adnum, 'create',
           format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', name, a.attname,
                  pg_get_expr(d.adbin, d.adrelid))
      FROM v
      JOIN pg_attrdef d ON d.adrelid = v.oid
      JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum = d.adnum
     UNION ALL
    SELECT 3, i.indexrelid::bigint, 'create', pg_get_indexdef(i.indexrelid)
      FROM v JOIN pg_index i ON i.indrelid = v.oid
     UNION ALL
    SELECT 4, i.indexrelid::bigint, 'create',
           format('ALTER MATERIALIZED VIEW %s CLUSTER ON %I', name, c.relname)
      FROM v JOIN pg_index i ON i.indrelid = v.oid AND i.indisclustered
      JOIN pg_class c ON c.oid = i.indexrelid
     UNION ALL
    SELECT 5, i.indexrelid::bigint, 'create',
           format('COMMENT ON INDEX %s IS %L', i.indexrelid::regclass,
                  obj_description(i.indexrelid, 'pg_class'))
      FROM v JOIN pg_index i ON i.indrelid = v.oid
     WHERE obj_description(i.indexrelid, 'pg_class') IS NOT NULL
     UNION ALL
    SELECT 6, s.oid::bigint, 'create', pg_get_statisticsobjdef(s.oid)
      FROM v JOIN pg_statistic_ext s ON s.stxrelid = v.oid
     UNION ALL
    SELECT 7, g.oid::bigint, 'create', pg_get_triggerdef(g.oid)
      FROM v JOIN pg_trigger g ON g.tgrelid = v.oid AND NOT g.tgisinternal
     UNION ALL
    SELECT 8, r.oid::bigint, 'create', rtrim(pg_get_ruledef(r.oid), ';')
      FROM v JOIN pg_rewrite r ON r.ev_class = v.oid AND r.rulename <> '_RETURN'
     UNION ALL
    SELECT 9, 0, 'create',
           format('COMMENT ON %s %s IS %L', what, name, obj_description(oid, 'pg_class'))
      FROM v WHERE obj_description(oid, 'pg_class') IS NOT NULL
     UNION ALL
    SELECT 10, 0, 'create', format('ALTER TABLE %s OWNER TO %s', name, owner)
      FROM v WHERE pg_get_userbyid(relowner) <> current_user
     UNION ALL
    -- Privileges that ALTER DEFAULT PRIVILEGES would add to the new one.
    SELECT DISTINCT 11, 0::bigint, 'create',
           format('REVOKE ALL ON %s FROM %s', name,
                  CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
      FROM v
      JOIN pg_default_acl d ON d.defaclobjtype = 'r' AND d.defaclnamespace IN (0, v.namespace)
       AND d.defaclrole = current_user::regrole
     CROSS JOIN aclexplode(d.defaclacl) AS g
     UNION ALL
    SELECT 12, 0, 'create', format('REVOKE ALL ON %s FROM %s', name, owner)
      FROM v WHERE relacl IS NOT NULL AND NOT relacl::text[] @> usual::text[]
     UNION ALL
    SELECT 13, g.nth, 'create',
           format('GRANT %s ON %s TO %s%s', g.privilege_type, name,
                  CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                  CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
      FROM v
     CROSS JOIN aclexplode(v.relacl) WITH ORDINALITY AS g (grantor, grantee, privilege_type, is_grantable, nth)
     WHERE g.grantee <> v.relowner OR NOT v.relacl::text[] @> v.usual::text[]
  ) AS parts
 ORDER BY place, nth, statement
