-- Shares out what the server has written of WAL among backfills, and gives how much it has ever.
-- $1 job, $2 up to where it is accounted for, $3 text[] steps, $4 double precision[] their shares
WITH here AS (
  SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS position
), noted AS (
  UPDATE pgbackfill.step AS s
  SET wal_bytes = s.wal_bytes + round(u.share * (here.position - $2::bigint))::bigint
  FROM here, unnest($3::text[], $4::double precision[]) AS u (step_id, share)
  WHERE s.job_id = $1::integer AND s.step_id = u.step_id
)
SELECT position FROM here
