-- Notes a table's size: the first time as before its backfill, each time as after it. Takes a lock
-- on the table. $1 job, $2 step, $3 quoted name of the table
UPDATE pgbackfill.step
SET heap_before = coalesce(heap_before, now.heap),
    indexes_before = coalesce(indexes_before, now.indexes),
    heap_after = now.heap,
    indexes_after = now.indexes
FROM (SELECT pg_relation_size(t), pg_indexes_size(t) FROM CAST($3 AS regclass) AS t)
  AS now (heap, indexes)
WHERE job_id = $1::integer AND step_id = $2
