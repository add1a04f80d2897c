-- Triggers of the application's relations, those of constraints left out.
SELECT g.tgrelid, g.tgname
  FROM pg_trigger g
  JOIN pg_class c ON c.oid = g.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT g.tgisinternal
   AND n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
 ORDER BY g.tgrelid, g.tgname
