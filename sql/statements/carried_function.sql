-- How to drop a function, aggregate or procedure and to create it again.
-- $1 oid: it. REQUIRES: search_path = pg_catalog
-- The first states of an aggregate, which come into its parentheses, are told with the types that
-- they are read as: no grammar lets a cast stand there.
WITH f AS (
  SELECT p.*, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS what,
         format('%I.%I(%s)', n.nspname, p.proname,
                CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'
                     ELSE pg_get_function_identity_arguments(p.oid) END) AS name,
         -- Privileges take an aggregate for a function.
         format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS granted,
         quote_ident(pg_get_userbyid(p.proowner)) AS owner, acldefault('f', p.proowner) AS usual
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE p.oid = $1::oid
)
SELECT phase, statement,
       CASE WHEN place = 1
            THEN (SELECT array_remove(ARRAY[
                    CASE WHEN agginitval IS NOT NULL
                         THEN format('INITCOND = %L::%s', agginitval, format_type(aggtranstype, NULL))
                    END,
                    CASE WHEN aggminitval IS NOT NULL
                         THEN format('MINITCOND = %L::%s', aggminitval, format_type(aggmtranstype, NULL))
                    END], NULL)
                    FROM pg_aggregate WHERE aggfnoid = $1::oid AND coalesce(agginitval, aggminitval) IS NOT NULL)
       END
  FROM (
    SELECT 0 AS place, 0::bigint AS nth, 'drop' AS phase, format('DROP %s %s', what, name) AS statement
      FROM f
     UNION ALL
    SELECT 1, 0, 'create', pg_get_functiondef(oid) FROM f WHERE prokind <> 'a'
     UNION ALL
    SELECT 1, 0, 'create',
           format('CREATE AGGREGATE %s (%s)', name,
                  concat_ws(', ', 'SFUNC = ' || aggtransfn, 'STYPE = ' || format_type(aggtranstype, NULL),
                            'SSPACE = ' || nullif(aggtransspace, 0),
                            'FINALFUNC = ' || nullif(aggfinalfn::oid, 0)::regproc,
                            CASE WHEN aggfinalextra THEN 'FINALFUNC_EXTRA' END,
                            CASE WHEN aggfinalfn <> 0 THEN 'FINALFUNC_MODIFY = ' || manner.final END,
                            'COMBINEFUNC = ' || nullif(aggcombinefn::oid, 0)::regproc,
                            'SERIALFUNC = ' || nullif(aggserialfn::oid, 0)::regproc,
                            'DESERIALFUNC = ' || nullif(aggdeserialfn::oid, 0)::regproc,
                            'MSFUNC = ' || nullif(aggmtransfn::oid, 0)::regproc,
                            'MINVFUNC = ' || nullif(aggminvtransfn::oid, 0)::regproc,
                            CASE WHEN aggmtranstype <> 0 THEN 'MSTYPE = ' || format_type(aggmtranstype, NULL) END,
                            'MSSPACE = ' || nullif(aggmtransspace, 0),
                            'MFINALFUNC = ' || nullif(aggmfinalfn::oid, 0)::regproc,
                            CASE WHEN aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,
                            CASE WHEN aggmfinalfn <> 0 THEN 'MFINALFUNC_MODIFY = ' || manner.mfinal END,
                            CASE WHEN so.oid IS NOT NULL THEN format('SORTOP = OPERATOR(%I.%s)', sn.nspname, so.oprname) END,
                            'PARALLEL = ' || CASE proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED'
                                                              ELSE 'UNSAFE' END,
                            CASE WHEN aggkind = 'h' THEN 'HYPOTHETICAL' END))
      FROM f
      JOIN pg_aggregate a ON a.aggfnoid = f.oid
      LEFT JOIN pg_operator so ON so.oid = a.aggsortop
      LEFT JOIN pg_namespace sn ON sn.oid = so.oprnamespace
     CROSS JOIN LATERAL (
       SELECT CASE aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END AS final,
              CASE aggmfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END AS mfinal
     ) AS manner
     UNION ALL
    SELECT 2, 0, 'create', format('COMMENT ON %s %s IS %L', what, name, obj_description(oid, 'pg_proc'))
      FROM f WHERE obj_description(oid, 'pg_proc') IS NOT NULL
     UNION ALL
    SELECT 3, 0, 'create', format('ALTER %s %s OWNER TO %s', what, name, owner)
      FROM f WHERE pg_get_userbyid(proowner) <> current_user
     UNION ALL
    SELECT 4, 0, 'create', format('REVOKE ALL ON %s FROM PUBLIC, %s', granted, owner)
      FROM f WHERE proacl IS NOT NULL AND NOT proacl::text[] @> usual::text[]
     UNION ALL
    SELECT 5, g.nth, 'create',
           format('GRANT %s ON %s TO %s%s', g.privilege_type, granted,
                  CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                  CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
      FROM f
     CROSS JOIN aclexplode(f.proacl) WITH ORDINALITY AS g (grantor, grantee, privilege_type, is_grantable, nth)
     WHERE g.grantee NOT IN (0, f.proowner) OR NOT f.proacl::text[] @> f.usual::text[]
  ) AS parts
 ORDER BY place, nth, statement
