-- Domains over enum types and over lists of their labels, each after the one it is made of. One
-- over an array of arrays is none that can be taken apart.
WITH RECURSIVE family AS (
  SELECT t.oid AS enum, t.oid, t.typarray, 0 AS depth, 0::oid AS base, false AS over_array,
         false AS array
    FROM pg_type t
   WHERE t.typtype = 'e'
   UNION ALL
  SELECT f.enum, t.oid, t.typarray, f.depth + 1, f.oid, t.typbasetype = f.typarray,
         f.array OR t.typbasetype = f.typarray
    FROM family f
    JOIN pg_type t
      ON t.typtype = 'd'
     AND (t.typbasetype = f.oid OR t.typbasetype = f.typarray AND NOT f.array)
)
SELECT en.nspname, e.typname,
       n.nspname, t.typname,
       t.oid::text,
       an.nspname, a.typname,
       bn.nspname, b.typname,
       f.over_array,
       f.array,
       pg_has_role(t.typowner, 'USAGE'),
       pg_get_userbyid(t.typowner)
  FROM family f
  JOIN pg_type e ON e.oid = f.enum
  JOIN pg_namespace en ON en.oid = e.typnamespace
  JOIN pg_type t ON t.oid = f.oid
  JOIN pg_namespace n ON n.oid = t.typnamespace
  JOIN pg_type a ON a.oid = t.typarray
  JOIN pg_namespace an ON an.oid = a.typnamespace
  JOIN pg_type b ON b.oid = f.base
  JOIN pg_namespace bn ON bn.oid = b.typnamespace
 WHERE n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
 ORDER BY f.depth, n.nspname, t.typname
