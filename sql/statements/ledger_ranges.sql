-- The ranges of one round of a backfill step. $1 job, $2 step, $3 round
SELECT range_id, round, lower, upper, cursor, state, rows, found
FROM pgbackfill.range
WHERE job_id = $1::integer AND step_id = $2 AND round = $3::integer
ORDER BY range_id
