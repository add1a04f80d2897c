-- Indexes of the application's relations.
SELECT i.indrelid,
       ic.relname,
       i.indisunique,
       i.indisprimary,
       i.indisvalid AND i.indisready AND i.indislive,
       i.indimmediate,
       i.indpred IS NOT NULL,
       i.indexprs IS NOT NULL,
       EXISTS (SELECT FROM pg_constraint k
                WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid
                  AND k.contype IN ('p', 'u', 'x')),
       i.indisreplident,
       i.indisclustered,
       am.amname,
       parts.keys,
       parts.included,
       ARRAY(SELECT a.attname::text
               FROM pg_attribute a
              WHERE a.attrelid = i.indrelid
                AND a.attnum > 0
                AND (a.attnum = ANY (i.indkey::int2[])
                     OR EXISTS (SELECT FROM pg_depend d
                                 WHERE d.classid = 'pg_class'::regclass
                                   AND d.objid = i.indexrelid
                                   AND d.refclassid = 'pg_class'::regclass
                                   AND d.refobjid = i.indrelid
                                   AND d.refobjsubid = a.attnum))
              ORDER BY a.attnum),
       pg_get_indexdef(i.indexrelid)
  FROM pg_index i
  JOIN pg_class ic ON ic.oid = i.indexrelid
  JOIN pg_am am ON am.oid = ic.relam
  JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL (
       SELECT coalesce(array_agg(coalesce(a.attname::text, '') ORDER BY u.position)
                         FILTER (WHERE u.position <= i.indnkeyatts), '{}') AS keys,
              coalesce(array_agg(a.attname::text ORDER BY u.position)
                         FILTER (WHERE u.position > i.indnkeyatts), '{}') AS included
         FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS u (attnum, position)
         LEFT JOIN pg_attribute a
           ON a.attrelid = i.indrelid AND a.attnum = u.attnum AND u.attnum <> 0) parts
 WHERE n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
 ORDER BY i.indrelid, ic.relname
