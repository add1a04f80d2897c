-- Adds a step. $1 job, $2 step, $3 ordinal, $4 stage, $5 table, $6 title, $7 SQL text
INSERT INTO pgbackfill.step (job_id, step_id, ordinal, stage, table_name, title, sql)
VALUES ($1::integer, $2, $3::integer, $4, $5, $6, $7)
