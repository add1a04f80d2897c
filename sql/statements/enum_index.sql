-- The parts of indexes: the text of pg_get_indexdef() cannot be edited safely.
-- $1 text[]: the indexes, quoted, as which they come in order. REQUIRES: search_path = pg_catalog
WITH idx AS (
  SELECT i.*, u.place, c.reloptions, c.reltablespace, am.amname,
         coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_alike
    FROM unnest($1::text[]) WITH ORDINALITY AS u (name, place)
    JOIN pg_index AS i ON i.indexrelid = u.name::regclass
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS am ON am.oid = c.relam
), part AS (
  SELECT idx.place, k, k <= idx.indnkeyatts AS is_key,
         pg_get_indexdef(idx.indexrelid, k, false) AS text,
         CASE WHEN co.oid IS NOT NULL AND co.oid <> coalesce(a.attcollation, 0)
              THEN format(' COLLATE %I.%I', con.nspname, co.collname) ELSE '' END
         || CASE WHEN NOT opc.opcdefault OR params.list IS NOT NULL
                 THEN format(' %I.%I', opn.nspname, opc.opcname)
                      || coalesce(' (' || params.list || ')', '')
                 ELSE '' END
         || CASE WHEN k > idx.indnkeyatts OR NOT pg_indexam_has_property(am.oid, 'can_order') THEN ''
                 ELSE CASE WHEN idx.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE '' END
                   || CASE WHEN idx.indoption[k - 1] & 2 = 2 THEN ' NULLS FIRST' ELSE ' NULLS LAST' END
            END AS manner,
         CASE WHEN coalesce(ia.attstattarget, -1) >= 0 THEN ia.attstattarget ELSE -1 END AS target
    FROM idx
    JOIN pg_am AS am ON am.amname = idx.amname
   CROSS JOIN generate_series(1, idx.indnatts::int) AS k
    LEFT JOIN pg_attribute AS a ON a.attrelid = idx.indrelid AND a.attnum = idx.indkey[k - 1] AND a.attnum > 0
    LEFT JOIN pg_opclass AS opc ON opc.oid = idx.indclass[k - 1]
    LEFT JOIN pg_namespace AS opn ON opn.oid = opc.opcnamespace
    LEFT JOIN pg_collation AS co ON co.oid = idx.indcollation[k - 1]
    LEFT JOIN pg_namespace AS con ON con.oid = co.collnamespace
    LEFT JOIN pg_attribute AS ia ON ia.attrelid = idx.indexrelid AND ia.attnum = k
    LEFT JOIN LATERAL (
      -- Some builds of the server keep entries of their own in attoptions.
      SELECT string_agg(format('%s = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') AS list
        FROM unnest(ia.attoptions) AS o WHERE o NOT LIKE 'pg\_attver=%') AS params ON true
)
SELECT idx.amname,
       ARRAY(SELECT text FROM part WHERE part.place = idx.place AND is_key ORDER BY k) AS keys,
       ARRAY(SELECT manner FROM part WHERE part.place = idx.place AND is_key ORDER BY k) AS manners,
       ARRAY(SELECT text FROM part WHERE part.place = idx.place AND NOT is_key ORDER BY k) AS included,
       CASE WHEN nulls_alike THEN ' NULLS NOT DISTINCT' ELSE '' END
       || coalesce(' WITH (' || parameters.list || ')', '')
       || coalesce(' TABLESPACE ' || quote_ident(spcname), '') AS storage,
       coalesce(pg_get_expr(indpred, indrelid), '') AS predicate,
       idx.indexrelid::text AS index,
       coalesce(k.oid::text, '') AS constraint,
       coalesce(k.contype::text, '') AS constraint_kind,
       coalesce(k.condeferrable, false) AS deferrable,
       obj_description(idx.indexrelid, 'pg_class') AS comment,
       obj_description(k.oid, 'pg_constraint') AS constraint_comment,
       ARRAY(SELECT f.oid::text FROM pg_constraint AS f
              WHERE f.contype = 'f' AND f.conindid = idx.indexrelid) AS keys_to_it,
       ARRAY(SELECT format('%s %s', k, target) FROM part
              WHERE part.place = idx.place AND target >= 0 ORDER BY k) AS targets,
       coalesce(pg_get_constraintdef(k.oid), '') AS constraint_definition,
       nulls_alike,
       idx.place,
       array_remove(ARRAY['SET (' || parameters.list || ')',
                          'SET TABLESPACE ' || quote_ident(spcname)], NULL) AS storage_changes
  FROM idx
  LEFT JOIN pg_tablespace AS s ON s.oid = reltablespace
  LEFT JOIN LATERAL (
    SELECT string_agg(format('%s = %L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ') AS list
      FROM unnest(reloptions) AS o) AS parameters ON true
  LEFT JOIN pg_constraint AS k ON k.conindid = idx.indexrelid AND k.contype IN ('p', 'u', 'x')
 ORDER BY idx.place
