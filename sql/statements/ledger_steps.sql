-- The steps of a job in order. $1 job
SELECT step_id, stage, table_name, title, state, started, finished,
       coalesce(extract(epoch FROM coalesce(finished, clock_timestamp()) - started), 0), error, rows,
       ours
FROM pgbackfill.step WHERE job_id = $1::integer ORDER BY ordinal
