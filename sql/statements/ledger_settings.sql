-- What was last set, by key, for the run whose coordinator lives. $1 job
SELECT DISTINCT ON (c.key) c.control_id, c.action, c.key, c.value, c.role, c.host,
       to_char(c.at, 'YYYY-MM-DD HH24:MI:SS TZ')
FROM pgbackfill.control AS c
JOIN pgbackfill.process AS p ON p.job_id = c.job_id AND c.control_id > p.heard_first
WHERE c.job_id = $1::integer AND c.action = 'set'
  AND p.role = 'coordinator' AND p.state = 'active' AND p.expires > clock_timestamp()
ORDER BY c.key, c.control_id DESC
