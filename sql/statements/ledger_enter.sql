-- Enters a process. $1 job, $2 role, $3 host, $4 pid, $5 milliseconds of its lease
INSERT INTO pgbackfill.process (job_id, role, host, pid, expires)
VALUES ($1::integer, $2, $3, $4::integer,
        clock_timestamp() + $5::integer * interval '1 millisecond')
RETURNING process_id
