-- A heartbeat: the process lives, and so do the leases of its ranges. Those that a batch holds just
-- now are renewed by the batch. $1 job, $2 process, $3 milliseconds of its lease
WITH beat AS (
  UPDATE pgbackfill.process
  SET heartbeat = clock_timestamp(),
      expires = clock_timestamp() + $3::integer * interval '1 millisecond',
      state = CASE WHEN role = 'helper' THEN 'active' ELSE state END
  WHERE process_id = $2::bigint AND state <> 'ended'
), held AS MATERIALIZED (
  SELECT range_id FROM pgbackfill.range
  WHERE job_id = $1::integer AND state <> 'done' AND owner = $2::bigint
  FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE pgbackfill.range AS r
SET lease = clock_timestamp() + $3::integer * interval '1 millisecond'
FROM held WHERE r.range_id = held.range_id
