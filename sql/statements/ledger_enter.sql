-- Enters a process: what was asked of others before is not for it. $1 job, $2 role, $3 host, $4 pid,
-- $5 milliseconds of its lease
INSERT INTO pgbackfill.process (job_id, role, host, pid, expires, heard_first, heard)
SELECT $1::integer, $2, $3, $4::integer,
       clock_timestamp() + $5::integer * interval '1 millisecond', newest, newest
FROM (SELECT coalesce(max(control_id), 0) FROM pgbackfill.control
      WHERE job_id = $1::integer) AS c(newest)
RETURNING process_id
