-- Foreign keys (contype f) and checks (c) of the application's tables.
SELECT k.conrelid,
       k.contype,
       k.conname,
       ARRAY(SELECT a.attname::text
               FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
              ORDER BY u.position),
       k.convalidated,
       pg_get_constraintdef(k.oid),
       coalesce(fn.nspname, ''),
       coalesce(fc.relname, ''),
       ARRAY(SELECT a.attname::text
               FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, position)
               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
              ORDER BY u.position),
       k.confdeltype
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_class fc ON fc.oid = k.confrelid
  LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace
 WHERE k.contype IN ('f', 'c')
   -- A key to a partitioned table has further rows, one for each of its partitions.
   AND NOT EXISTS (SELECT FROM pg_constraint whole
                    WHERE whole.oid = k.conparentid AND whole.conrelid = k.conrelid)
   AND n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
 ORDER BY k.conrelid, k.conname
