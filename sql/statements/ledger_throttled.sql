-- When the writers held back and why, a row per period: from, to (seconds since 1970), since when,
-- seconds, the first reason. Figures in a reason change all the time. $1 job
WITH kind AS (
  SELECT at, seconds, throttle, regexp_replace(throttle, '[0-9.]+', '', 'g') AS kind
  FROM pgbackfill.sample WHERE job_id = $1::integer
), edge AS (
  SELECT *, kind IS DISTINCT FROM lag(kind) OVER w
            OR extract(epoch FROM at - lag(at) OVER w) > seconds + 1 AS begins
  FROM kind WINDOW w AS (ORDER BY at)
), numbered AS (
  SELECT *, count(*) FILTER (WHERE begins) OVER (ORDER BY at) AS period FROM edge
)
SELECT min(extract(epoch FROM at) - seconds), max(extract(epoch FROM at)),
       date_trunc('second', min(at - seconds * interval '1 second')), sum(seconds),
       (array_agg(throttle ORDER BY at))[1]
FROM numbered WHERE kind IS NOT NULL GROUP BY period ORDER BY period
