-- Adds a range. $1 job, $2 step, $3 round, $4 lower bound, $5 upper bound
INSERT INTO pgbackfill.range (job_id, step_id, round, lower, upper)
VALUES ($1::integer, $2, $3::integer, $4::text[], $5::text[])
