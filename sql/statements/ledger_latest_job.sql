-- The newest job, without its plan. Ledgers of other formats must be readable so far that they can
-- be refused: a column that the table lacks is looked for, and found, in what stands for it.
SELECT j.job_id, j.format, j.fingerprint, j.spec, j.state, j.created, j.finished, j.throttle,
       coalesce(later.rollback_to, ''), later.backup
FROM (SELECT NULL::text AS rollback_to, NULL::text AS backup) AS absent
     CROSS JOIN pgbackfill.job AS j
     CROSS JOIN LATERAL (SELECT rollback_to, backup FROM pgbackfill.job AS k
                         WHERE k.job_id = j.job_id) AS later
ORDER BY j.job_id DESC LIMIT 1
