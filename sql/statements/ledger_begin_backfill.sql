-- Notes that a table's backfill goes on, and its size: the first time as before it. Takes a lock on
-- the table. $1 job, $2 step, $3 quoted name of the table, $4 whether the step is carried out (and
-- not only swept after). Gives the step's newest round (-1: none) and the table's blocks.
UPDATE pgbackfill.step AS s
SET state = CASE WHEN $4::boolean THEN 'running' ELSE state END,
    error = CASE WHEN $4::boolean THEN NULL ELSE error END,
    started = CASE WHEN $4::boolean THEN clock_timestamp() ELSE started END,
    heap_before = coalesce(heap_before, now.heap),
    indexes_before = coalesce(indexes_before, now.indexes),
    heap_after = now.heap,
    indexes_after = now.indexes
FROM (SELECT pg_relation_size(t), pg_indexes_size(t) FROM CAST($3 AS regclass) AS t)
  AS now (heap, indexes)
WHERE job_id = $1::integer AND step_id = $2
RETURNING (SELECT coalesce(max(r.round), -1) FROM pgbackfill.range AS r
            WHERE r.job_id = s.job_id AND r.step_id = s.step_id),
          now.heap / current_setting('block_size')::bigint
