-- Composite types that columns of tables have, with labels of enum types in them: a row for each
-- attribute, and what makes more of them than such columns (labels deeper inside than in a list,
-- arrays, foreign and typed tables, domains), but for what a cutover makes anew.
WITH RECURSIVE composite AS MATERIALIZED (
  SELECT c.oid AS relation, c.reltype, a.attnum, a.attname, a.atttypid
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relkind = 'c' AND c.oid >= 16384
), made AS (
  SELECT t.oid, t.typarray, t.typbasetype AS made_of FROM pg_type t WHERE t.typtype = 'd'
   UNION ALL
  SELECT t.oid, t.typarray, o.atttypid FROM composite o JOIN pg_type t ON t.oid = o.reltype
), family AS (
  SELECT e.oid AS enum, e.oid, e.typarray
    FROM pg_type e
   WHERE e.typtype = 'e' AND EXISTS (SELECT FROM composite)
   UNION
  SELECT f.enum, m.oid, m.typarray
    FROM family f
    JOIN made m ON m.made_of IN (f.oid, f.typarray)
), held AS (
  SELECT DISTINCT f.enum, o.relation FROM family f JOIN composite o ON o.reltype = f.oid
)
SELECT en.nspname, e.typname,
       n.nspname, t.typname,
       held.relation::text,
       pg_has_role(t.typowner, 'USAGE'),
       pg_get_userbyid(t.typowner),
       o.attname,
       o.atttypid IN (e.oid, e.typarray),
       o.atttypid = e.typarray,
       coalesce((SELECT pg_describe_object('pg_class'::regclass, deep.relation, deep.attnum)
                   FROM composite deep
                   JOIN family f ON f.enum = held.enum AND f.oid <> held.enum
                                AND deep.atttypid IN (f.oid, f.typarray)
                  WHERE deep.relation = held.relation
                  LIMIT 1),
                (SELECT pg_describe_object('pg_class'::regclass, a.attrelid, a.attnum)
                   FROM pg_attribute a
                   JOIN pg_class c ON c.oid = a.attrelid
                  WHERE NOT a.attisdropped
                    AND (a.atttypid = t.typarray AND c.relkind IN ('r', 'p', 'f')
                         OR a.atttypid = t.oid AND c.relkind = 'f')
                  LIMIT 1),
                (SELECT pg_describe_object('pg_class'::regclass, c.oid, 0)
                   FROM pg_class c WHERE c.reloftype = t.oid LIMIT 1),
                (SELECT pg_describe_object('pg_type'::regclass, d.oid, 0)
                   FROM pg_type d WHERE d.typbasetype IN (t.oid, t.typarray) LIMIT 1),
                '')
  FROM held
  JOIN pg_type e ON e.oid = held.enum
  JOIN pg_namespace en ON en.oid = e.typnamespace
  JOIN composite o ON o.relation = held.relation
  JOIN pg_type t ON t.oid = o.reltype
  JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
   AND EXISTS (SELECT FROM pg_attribute a
                 JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
                WHERE a.atttypid = t.oid AND NOT a.attisdropped AND a.attgenerated = '')
 ORDER BY en.nspname, e.typname, n.nspname, t.typname, o.attnum
