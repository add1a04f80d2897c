-- The newest job.
SELECT job_id, format, fingerprint, spec, plan, state, created, finished, throttle
FROM pgbackfill.job ORDER BY job_id DESC LIMIT 1
