-- Claims the next range of the job's open rounds that nobody holds, or the process itself without
-- knowing. $1 job, $2 process, $3 milliseconds of its lease, $4 ranges that it knows it holds,
-- $5 steps to pass over
WITH next AS MATERIALIZED (
  SELECT r.range_id, s.open_late, s.open_rows
  FROM pgbackfill.range AS r
  JOIN pgbackfill.step AS s
    ON s.job_id = r.job_id AND s.step_id = r.step_id AND s.open_round = r.round
  WHERE r.job_id = $1::integer AND r.state <> 'done'
    AND (r.owner IS NULL OR r.owner = $2::bigint OR r.lease < clock_timestamp())
    AND r.range_id <> ALL ($4::bigint[]) AND r.step_id <> ALL ($5::text[])
  ORDER BY r.range_id LIMIT 1
  FOR NO KEY UPDATE OF r SKIP LOCKED
)
UPDATE pgbackfill.range AS r
SET owner = $2::bigint, lease = clock_timestamp() + $3::integer * interval '1 millisecond'
FROM next WHERE r.range_id = next.range_id
RETURNING r.range_id, r.round, r.lower, r.upper, r.cursor, r.state, r.rows, r.found,
          r.step_id, next.open_late, next.open_rows
