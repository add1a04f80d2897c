-- What NOT NULL of a column is from PostgreSQL 18 on; no row before, and where it is none.
-- $1 text: the table, quoted; $2 text: the column
SELECT k.conname, k.convalidated, k.connoinherit, obj_description(k.oid, 'pg_constraint')
  FROM pg_constraint k
  JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
 WHERE k.contype = 'n' AND k.conrelid = $1::text::regclass AND a.attname = $2
