-- The steps whose ranges may be claimed: the round, how many ranges it has and how many of them are
-- not done, and the rows of all rounds. $1 job
SELECT s.step_id, s.open_round, count(r.range_id) FILTER (WHERE r.round = s.open_round),
       count(r.range_id) FILTER (WHERE r.round = s.open_round AND r.state <> 'done'),
       coalesce(sum(r.rows), 0)
FROM pgbackfill.step AS s
LEFT JOIN pgbackfill.range AS r ON r.job_id = s.job_id AND r.step_id = s.step_id
WHERE s.job_id = $1::integer AND s.open_round IS NOT NULL
GROUP BY s.job_id, s.step_id, s.open_round
