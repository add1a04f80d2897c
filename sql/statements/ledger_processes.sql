-- The processes of a job: seconds since the last heartbeat, how many ranges each holds, and
-- the last request that it has obeyed. $1 job
SELECT p.process_id, p.role, p.host, p.pid, p.started,
       CASE WHEN p.state = 'active' AND p.expires < clock_timestamp() THEN 'gone' ELSE p.state END,
       p.state = 'active',
       greatest(0, extract(epoch FROM clock_timestamp() - p.heartbeat)),
       (SELECT count(*) FROM pgbackfill.range AS r
        WHERE r.job_id = p.job_id AND r.owner = p.process_id AND r.state <> 'done'),
       p.heard
FROM pgbackfill.process AS p WHERE p.job_id = $1::integer
ORDER BY p.process_id
