-- The newest job. What a ledger of an older format does not have is NULL.
SELECT job_id, format, fingerprint, spec, plan, state, created, finished, throttle,
       to_jsonb(j) ->> 'backup'
FROM pgbackfill.job AS j ORDER BY job_id DESC LIMIT 1
