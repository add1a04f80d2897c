-- Foreign keys from or to listed columns, by table and name.
-- $1 text[]: tables, quoted; $2 text[]: a column of each
WITH listed AS (
  SELECT a.attrelid, a.attnum
    FROM unnest($1::text[], $2::text[]) AS u (quoted, name)
    JOIN pg_attribute a
      ON a.attrelid = u.quoted::regclass AND a.attname = u.name AND NOT a.attisdropped
)
SELECT k.conname,
       cn.nspname,
       c.relname,
       fn.nspname,
       fc.relname,
       ARRAY(SELECT a.attname::text
               FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
              ORDER BY u.position),
       ARRAY(SELECT a.attname::text
               FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, position)
               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
              ORDER BY u.position),
       -- ON DELETE SET NULL (columns), from PostgreSQL 15 on.
       ARRAY(SELECT a.attname::text
               FROM jsonb_array_elements_text(
                      CASE jsonb_typeof(to_jsonb(k) -> 'confdelsetcols')
                           WHEN 'array' THEN to_jsonb(k) -> 'confdelsetcols' ELSE '[]' END)
                      AS u (attnum)
               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum::int
              ORDER BY a.attnum),
       CASE k.confmatchtype WHEN 'f' THEN ' MATCH FULL' ELSE '' END
         || CASE k.confupdtype WHEN 'r' THEN ' ON UPDATE RESTRICT' WHEN 'c' THEN ' ON UPDATE CASCADE'
                               WHEN 'n' THEN ' ON UPDATE SET NULL' WHEN 'd' THEN ' ON UPDATE SET DEFAULT'
                               ELSE '' END,
       CASE k.confdeltype WHEN 'r' THEN ' ON DELETE RESTRICT' WHEN 'c' THEN ' ON DELETE CASCADE'
                          WHEN 'n' THEN ' ON DELETE SET NULL' WHEN 'd' THEN ' ON DELETE SET DEFAULT'
                          ELSE '' END,
       CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
         || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END,
       k.convalidated,
       obj_description(k.oid, 'pg_constraint'),
       k.oid::text
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace cn ON cn.oid = c.relnamespace
  JOIN pg_class fc ON fc.oid = k.confrelid
  JOIN pg_namespace fn ON fn.oid = fc.relnamespace
 WHERE k.contype = 'f'
   AND k.conparentid = 0
   AND EXISTS (SELECT FROM listed l
                WHERE l.attrelid = k.conrelid AND l.attnum = ANY (k.conkey)
                   OR l.attrelid = k.confrelid AND l.attnum = ANY (k.confkey))
 ORDER BY cn.nspname, c.relname, k.conname
