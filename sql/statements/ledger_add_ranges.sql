-- Adds the ranges of a round, in order, and gives them as ledger_ranges does. $1 job, $2 step,
-- $3 round; text[] of array literals each, where an empty text is an open end: $4 lower bounds,
-- $5 upper bounds
INSERT INTO pgbackfill.range (job_id, step_id, round, lower, upper)
SELECT $1::integer, $2, $3::integer, nullif(u.lower, '')::text[], nullif(u.upper, '')::text[]
FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS u (lower, upper, place)
ORDER BY u.place
RETURNING range_id, round, lower, upper, cursor, state, rows, found
