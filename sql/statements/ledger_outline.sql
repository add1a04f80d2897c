-- What is told of a job's plan, $1 being the job; of ledgers before format 7 the plan.
SELECT coalesce(later.outline, j.plan)
FROM (SELECT NULL::text AS outline) AS absent
     CROSS JOIN pgbackfill.job AS j
     CROSS JOIN LATERAL (SELECT outline FROM pgbackfill.job AS k
                         WHERE k.job_id = j.job_id) AS later
WHERE j.job_id = $1::integer
