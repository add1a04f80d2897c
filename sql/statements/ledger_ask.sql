-- Writes a request to a job's run down. $1 job, $2 action, $3 host, $4 key, $5 value
INSERT INTO pgbackfill.control (job_id, action, host, key, value)
VALUES ($1::integer, $2, $3, $4, $5)
RETURNING control_id, action, key, value, role, host, to_char(at, 'YYYY-MM-DD HH24:MI:SS TZ')
