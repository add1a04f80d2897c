-- Partitions (of any level) and the partitioned table each belongs to.
SELECT i.inhparent, i.inhrelid
  FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
 WHERE c.relispartition
   AND c.relkind IN ('r', 'p', 'f')
 ORDER BY i.inhparent, c.relname
