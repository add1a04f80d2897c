-- What a helper has to know of its job: its state, how many backfills are not done, and whether a
-- coordinator lives, or the last one did not end by itself. $1 job
SELECT j.state,
       (SELECT count(*) FROM pgbackfill.step AS s
        WHERE s.job_id = j.job_id AND s.stage = 'backfill' AND s.state <> 'done'),
       coalesce(c.state = 'active' AND c.expires > clock_timestamp(), false),
       coalesce(c.state <> 'ended', false)
FROM pgbackfill.job AS j
LEFT JOIN LATERAL (
  SELECT state, expires FROM pgbackfill.process
  WHERE job_id = j.job_id AND role = 'coordinator' ORDER BY process_id DESC LIMIT 1
) AS c ON true
WHERE j.job_id = $1::integer
