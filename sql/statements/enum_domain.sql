-- The rules of a domain: what its values are held to, and its default.
-- $1 text: the domain, quoted. REQUIRES: search_path = pg_catalog
WITH d AS (
  SELECT * FROM pg_type WHERE oid = $1::regtype
), rule AS (
  SELECT 'check' AS kind, k.conname::text AS name, k.oid::text AS object,
         pg_get_constraintdef(k.oid) AS definition, k.convalidated AS validated,
         obj_description(k.oid, 'pg_constraint') AS comment, pg_get_expr(k.conbin, 0) AS expression
    FROM pg_constraint k
    JOIN d ON k.contypid = d.oid
   WHERE k.contype = 'c'
   UNION ALL
  -- From PostgreSQL 17 on, NOT NULL is a constraint with a name.
  SELECT 'not null', coalesce(k.conname, ''), coalesce(k.oid::text, ''), 'NOT NULL', true,
         obj_description(k.oid, 'pg_constraint'), 'VALUE IS NOT NULL'
    FROM d
    LEFT JOIN pg_constraint k ON k.contypid = d.oid AND k.contype = 'n'
   WHERE d.typnotnull
   UNION ALL
  SELECT 'default', '', '', pg_get_expr(typdefaultbin, 0), true, NULL, ''
    FROM d
   WHERE typdefaultbin IS NOT NULL
)
SELECT kind, name, object, definition, validated, comment, expression
  FROM rule
 ORDER BY kind, name
