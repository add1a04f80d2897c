-- What of an index is not in the catalog snapshot.
-- $1 text: the index, quoted; $2 text[]: columns of its table that are converted
SELECT i.indisexclusion,
       coalesce((SELECT string_agg(DISTINCT opc.opcname, ', ')
                   FROM unnest(i.indkey::int2[], i.indclass::oid[]) AS u (attnum, opclass)
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
                   JOIN pg_opclass opc ON opc.oid = u.opclass
                  WHERE a.attname = ANY ($2::text[]) AND NOT opc.opcdefault), ''),
       CASE WHEN obj_description(i.indexrelid, 'pg_class') IS NOT NULL
            THEN format('COMMENT ON INDEX %s IS %L', $1::text,
                        obj_description(i.indexrelid, 'pg_class')) END,
       (SELECT format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', k.conname, n.nspname, c.relname,
                      obj_description(k.oid, 'pg_constraint'))
          FROM pg_constraint k
          JOIN pg_class c ON c.oid = k.conrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u')
           AND obj_description(k.oid, 'pg_constraint') IS NOT NULL)
  FROM pg_index i
 WHERE i.indexrelid = $1::text::regclass
