-- Adds a job's steps, in order; those that it has keep their state. $1 job; text[] each: $2 steps, $3 stages, $4 tables, $5 titles,
-- $6 SQL texts
INSERT INTO pgbackfill.step (job_id, step_id, ordinal, stage, table_name, title, sql)
SELECT $1::integer, u.step_id, u.place - 1, u.stage, u.table_name, u.title, u.sql
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
  WITH ORDINALITY AS u (step_id, stage, table_name, title, sql, place)
ON CONFLICT (job_id, step_id) DO UPDATE SET ordinal = excluded.ordinal
