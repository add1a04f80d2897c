-- The CHECK constraints of a table. $1 text: the table, quoted. REQUIRES: search_path = pg_catalog
SELECT k.conname, k.oid::text, pg_get_constraintdef(k.oid), k.convalidated,
       obj_description(k.oid, 'pg_constraint')
  FROM pg_constraint AS k
 WHERE k.conrelid = $1::regclass AND k.contype = 'c' AND k.coninhcount = 0
 ORDER BY k.conname
