-- What may call for writing slower, in one row: WAL written so far; physical replicas, those
-- whose lag cannot be seen, the largest lag in bytes and in seconds and whose they are; the most
-- WAL that a slot retains and its name; sessions that wait for one of pgbackfill's locks; tables
-- that an autovacuum is on (as far as the role may see); indexes that pgbackfill builds, with how
-- much of each is done: scan, sort and load of the build, then scans of index and table where it is
-- concurrent.
WITH position AS MATERIALIZED (
  SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
              ELSE pg_current_wal_lsn() END AS lsn
), replica AS MATERIALIZED (
  SELECT coalesce(nullif(r.application_name, ''), r.pid::text) AS name,
         pg_wal_lsn_diff(p.lsn, r.replay_lsn) AS bytes,
         -- The lag in time is gone once nothing is behind.
         coalesce(extract(epoch FROM r.replay_lag), 0) AS seconds, r.replay_lsn
    FROM pg_stat_replication AS r, position AS p
   -- Logical receivers are watched by their slot, and the server's own tools replay nothing. All
   -- but the pid is NULL for a role that may not see it.
   WHERE r.state IS DISTINCT FROM 'backup'
     AND r.application_name IS DISTINCT FROM 'pg_receivewal'
     AND NOT EXISTS (SELECT FROM pg_replication_slots AS s
                      WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
), slot AS MATERIALIZED (
  SELECT s.slot_name::text AS name, pg_wal_lsn_diff(p.lsn, s.restart_lsn) AS bytes
    FROM pg_replication_slots AS s, position AS p
   WHERE s.restart_lsn IS NOT NULL
   ORDER BY 2 DESC LIMIT 1
), waiting AS MATERIALIZED (
  SELECT DISTINCT l.pid FROM pg_locks AS l WHERE NOT l.granted
), build AS MATERIALIZED (
  SELECT b.relid::regclass::text AS rel, coalesce(i.relname, '') AS index, b.phase,
         CASE WHEN b.phase = 'building index: scanning table' THEN 0.5 * s.blocks
              WHEN b.phase LIKE 'building index: sorting%' THEN 0.5
              WHEN b.phase LIKE 'building index: loading%' THEN 0.5 + 0.2 * s.tuples
              WHEN b.phase LIKE 'building index%' THEN 0.7 * greatest(s.blocks, s.tuples)
              WHEN b.phase = 'waiting for writers before validation' THEN 0.7
              WHEN b.phase = 'index validation: scanning index' THEN 0.7 + 0.05 * s.blocks
              WHEN b.phase = 'index validation: sorting tuples' THEN 0.75
              WHEN b.phase = 'index validation: scanning table' THEN 0.75 + 0.25 * s.blocks
              WHEN b.phase = 'waiting for old snapshots' THEN 1
              ELSE 0 END AS share
    FROM pg_stat_progress_create_index AS b
    JOIN pg_stat_activity AS a ON a.pid = b.pid AND a.application_name LIKE 'pgbackfill%'
    LEFT JOIN pg_class AS i ON i.oid = b.index_relid
   CROSS JOIN LATERAL (
     SELECT coalesce(b.blocks_done::float8 / nullif(b.blocks_total, 0), 0) AS blocks,
            coalesce(b.tuples_done::float8 / nullif(b.tuples_total, 0), 0) AS tuples) AS s
   WHERE b.relid <> 0 AND b.datname = current_database()
)
SELECT (SELECT (lsn - '0/0')::bigint FROM position),
       (SELECT count(*) FROM replica),
       (SELECT count(*) FROM replica WHERE replay_lsn IS NULL),
       coalesce((SELECT max(bytes) FROM replica), 0)::bigint,
       coalesce((SELECT max(seconds) FROM replica), 0)::float8,
       coalesce((SELECT name FROM replica ORDER BY bytes DESC NULLS LAST LIMIT 1), ''),
       coalesce((SELECT bytes FROM slot), 0)::bigint,
       coalesce((SELECT name FROM slot), ''),
       (SELECT count(*) FROM waiting AS w
         WHERE EXISTS (SELECT FROM unnest(pg_blocking_pids(w.pid)) AS b (pid)
                         JOIN pg_stat_activity AS a ON a.pid = b.pid
                        WHERE a.application_name LIKE 'pgbackfill%')
           AND NOT EXISTS (SELECT FROM pg_stat_activity AS a
                            WHERE a.pid = w.pid AND a.application_name LIKE 'pgbackfill%')),
       ARRAY(SELECT v.relid::regclass::text FROM pg_stat_progress_vacuum AS v
              WHERE v.relid IS NOT NULL AND v.datname = current_database()),
       ARRAY(SELECT rel FROM build ORDER BY rel, index),
       ARRAY(SELECT index::text FROM build ORDER BY rel, index),
       ARRAY(SELECT phase FROM build ORDER BY rel, index),
       ARRAY(SELECT share::float8::text FROM build ORDER BY rel, index)
