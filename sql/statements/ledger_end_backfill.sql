-- Closes a table's round, and notes its size as after the backfill. Takes a lock on the table.
-- $1 job, $2 step, $3 quoted name of the table, $4 whether the step is done with it
UPDATE pgbackfill.step
SET open_round = NULL,
    heap_after = now.heap,
    indexes_after = now.indexes,
    state = CASE WHEN $4::boolean THEN 'done' ELSE state END,
    error = CASE WHEN $4::boolean THEN NULL ELSE error END,
    finished = CASE WHEN $4::boolean THEN clock_timestamp() ELSE finished END,
    ours = ours OR $4::boolean
FROM (SELECT pg_relation_size(t), pg_indexes_size(t) FROM CAST($3 AS regclass) AS t)
  AS now (heap, indexes)
WHERE job_id = $1::integer AND step_id = $2
