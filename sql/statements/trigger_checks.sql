-- Constraints that the server checks by triggers of its own, over columns that the job sets ($1, $2:
-- see user_triggers): foreign keys to and from the table, and deferrable keys.
SELECT DISTINCT n.nspname, c.relname, k.conname
  FROM unnest($1::text[], $2::text[]) AS w (relation, columns)
  JOIN pg_constraint AS k
    ON k.conrelid = w.relation::regclass OR k.confrelid = w.relation::regclass
  JOIN pg_class AS c ON c.oid = k.conrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE (k.contype = 'f' OR k.condeferrable)
   AND EXISTS (SELECT FROM pg_attribute AS a
                WHERE a.attrelid = w.relation::regclass AND a.attname = ANY (w.columns::text[])
                  AND ((k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey))
                       OR (k.confrelid = a.attrelid AND a.attnum = ANY (k.confkey))))
 ORDER BY 1, 2, 3
