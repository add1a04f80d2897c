-- Enum types of the application.
SELECT n.nspname,
       t.typname,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e
              WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       pg_has_role(t.typowner, 'USAGE'),
       pg_get_userbyid(t.typowner)
  FROM pg_type t
  JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype = 'e'
   AND n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
 ORDER BY n.nspname, t.typname
