-- Triggers of the application's relations, those of constraints left out, and whether they may set
-- columns that an UPDATE does not (enabled or not: that may change). Not those of a job.
SELECT g.tgrelid, g.tgname,
       (g.tgtype & 1) <> 0 AND (g.tgtype & 2) <> 0 AND (g.tgtype & 16) <> 0 AND NOT EXISTS (
         SELECT FROM pg_proc f JOIN pg_namespace p ON p.oid = f.pronamespace
          WHERE f.oid = g.tgfoid AND p.nspname = 'pgbackfill') AS sets_columns
  FROM pg_trigger g
  JOIN pg_class c ON c.oid = g.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT g.tgisinternal
   AND n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
 ORDER BY g.tgrelid, g.tgname
