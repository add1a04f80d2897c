-- How to drop a composite type that no table has, and to create it again, without its columns'
-- comments. $1 oid: its relation. REQUIRES: search_path = pg_catalog
WITH c AS (
  SELECT t.*, c.oid AS relation, format('%I.%I', n.nspname, c.relname) AS name,
         acldefault('T', t.typowner) AS usual, quote_ident(pg_get_userbyid(t.typowner)) AS owner
    FROM pg_class c
    JOIN pg_type t ON t.oid = c.reltype
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.oid = $1::oid
)
SELECT phase, statement
  FROM (
    SELECT 0 AS place, 0::bigint AS nth, 'drop' AS phase, format('DROP TYPE %s', name) AS statement FROM c
     UNION ALL
    SELECT 1, 0, 'create',
           format('CREATE TYPE %s AS (%s)', name,
                  (SELECT string_agg(
                            format('%I %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                                   CASE WHEN a.attcollation <> t.typcollation
                                        THEN format(' COLLATE %I.%I', n.nspname, co.collname) END),
                            ', ' ORDER BY a.attnum)
                     FROM pg_attribute a
                     JOIN pg_type t ON t.oid = a.atttypid
                     LEFT JOIN pg_collation co ON co.oid = a.attcollation
                     LEFT JOIN pg_namespace n ON n.oid = co.collnamespace
                    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped))
      FROM c
     UNION ALL
    SELECT 2, 0, 'create', format('COMMENT ON TYPE %s IS %L', name, obj_description(oid, 'pg_type'))
      FROM c WHERE obj_description(oid, 'pg_type') IS NOT NULL
     UNION ALL
    SELECT 3, 0, 'create', format('ALTER TYPE %s OWNER TO %s', name, owner)
      FROM c WHERE pg_get_userbyid(typowner) <> current_user
     UNION ALL
    SELECT 4, 0, 'create', format('REVOKE ALL ON TYPE %s FROM PUBLIC, %s', name, owner)
      FROM c WHERE typacl IS NOT NULL AND NOT typacl::text[] @> usual::text[]
     UNION ALL
    SELECT 5, g.nth, 'create',
           format('GRANT %s ON TYPE %s TO %s%s', g.privilege_type, name,
                  CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                  CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
      FROM c
     CROSS JOIN aclexplode(c.typacl) WITH ORDINALITY AS g (grantor, grantee, privilege_type, is_grantable, nth)
     WHERE g.grantee NOT IN (0, c.typowner) OR NOT c.typacl::text[] @> c.usual::text[]
  ) AS parts
 ORDER BY place, nth, statement
