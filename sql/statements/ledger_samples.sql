-- The samples of a job, drawn together into at most $2: from, to (seconds since 1970), seconds,
-- rows, WAL, median and 95th percentile of the batches' milliseconds. $1 job, $2 most
WITH part AS (
  SELECT *, ntile($2::integer) OVER (ORDER BY at) AS part
  FROM pgbackfill.sample WHERE job_id = $1::integer
)
SELECT min(extract(epoch FROM at) - seconds), max(extract(epoch FROM at)), sum(seconds), sum(rows),
       sum(wal_bytes), avg(batch_ms_p50), max(batch_ms_p95)
FROM part GROUP BY part.part ORDER BY part.part
