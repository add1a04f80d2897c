-- The newest job. Ledgers of other formats must be readable so far that they can be refused.
SELECT job_id, format, fingerprint, spec, plan, state, created, finished, throttle,
       coalesce(to_jsonb(j) ->> 'rollback_to', ''),
       to_jsonb(j) ->> 'backup'
FROM pgbackfill.job AS j ORDER BY job_id DESC LIMIT 1
