-- Adds a sample of the backfill and gives the server's WAL position. $1 job, $2 seconds since the
-- last, $3 rows, $4 WAL position at the last, $5 and $6 median and 95th percentile of the batches'
-- milliseconds, $7 why the writers held back
WITH now AS MATERIALIZED (
  SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS wal
), sample AS (
  INSERT INTO pgbackfill.sample
    (job_id, seconds, rows, wal_bytes, batch_ms_p50, batch_ms_p95, throttle)
  SELECT $1::integer, $2::double precision, $3::bigint, now.wal - $4::bigint,
         $5::double precision, $6::double precision, nullif($7, '')
  FROM now
)
SELECT wal FROM now
