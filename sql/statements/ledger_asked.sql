-- Requests to a job's run after one of them. $1 job, $2 request
SELECT control_id, action, key, value, role, host, to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ')
FROM pgbackfill.control
WHERE job_id = $1::integer AND control_id > $2::bigint ORDER BY control_id
