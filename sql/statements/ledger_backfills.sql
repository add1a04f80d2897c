-- Sums of every backfill step. $1 job
SELECT s.step_id, coalesce(sum(r.rows), 0), coalesce(sum(r.batches), 0), count(r.range_id),
       count(r.range_id) FILTER (WHERE r.state = 'done'), coalesce(max(r.round) + 1, 0),
       (SELECT count(*) FROM pgbackfill.quarantine AS q
        WHERE q.job_id = s.job_id AND q.step_id = s.step_id),
       sum(r.hot), s.wal_bytes, s.heap_before, s.indexes_before, s.heap_after, s.indexes_after
FROM pgbackfill.step AS s
LEFT JOIN pgbackfill.range AS r ON r.job_id = s.job_id AND r.step_id = s.step_id
WHERE s.job_id = $1::integer AND s.stage = 'backfill'
GROUP BY s.job_id, s.step_id
ORDER BY s.ordinal
