-- The indexes of the partitions that belong to a partitioned table's index, parents first.
-- $1 text: that index, quoted
WITH RECURSIVE part AS (
  SELECT inhrelid AS oid, 1 AS depth FROM pg_inherits WHERE inhparent = $1::regclass
   UNION ALL
  SELECT i.inhrelid, p.depth + 1 FROM part p JOIN pg_inherits i ON i.inhparent = p.oid
)
SELECT c.relname, tn.nspname, t.relname, t.relkind = 'p',
       obj_description(c.oid, 'pg_class'), obj_description(k.oid, 'pg_constraint'),
       i.indisclustered, i.indisreplident
  FROM part
  JOIN pg_class c ON c.oid = part.oid
  JOIN pg_index i ON i.indexrelid = c.oid
  JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_namespace tn ON tn.oid = t.relnamespace
  LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
 ORDER BY part.depth, tn.nspname, t.relname
