-- Marks the processes as gone that have not been heard of in time. $1 job, $2 process that asks
UPDATE pgbackfill.process SET state = 'gone'
WHERE job_id = $1::integer AND process_id <> $2::bigint AND state = 'active'
  AND expires < clock_timestamp()
RETURNING role, host, pid, extract(epoch FROM clock_timestamp() - heartbeat)
