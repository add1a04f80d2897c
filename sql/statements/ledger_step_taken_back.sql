-- A step is as if it had never been carried out. $1 job, $2 step
WITH ranges AS (
  DELETE FROM pgbackfill.range WHERE job_id = $1::integer AND step_id = $2
), rows AS (
  DELETE FROM pgbackfill.quarantine WHERE job_id = $1::integer AND step_id = $2
)
UPDATE pgbackfill.step
SET state = 'pending', ours = false, started = NULL, finished = NULL, error = NULL, rows = 0,
    wal_bytes = 0, heap_before = NULL, indexes_before = NULL, heap_after = NULL,
    indexes_after = NULL
WHERE job_id = $1::integer AND step_id = $2
