-- The newest pause or resume of a job. $1 job
SELECT control_id, action, key, value, role, host, to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ')
FROM pgbackfill.control
WHERE job_id = $1::integer AND action IN ('pause', 'resume')
ORDER BY control_id DESC LIMIT 1
