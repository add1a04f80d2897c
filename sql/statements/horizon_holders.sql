-- What keeps old row versions of this database's tables from being removed, the oldest first.
-- A transaction that has an id counts whatever its database, for the snapshots of all sessions
-- look back to it; a mere snapshot counts in its own database (before version 14 in all). Lazy
-- VACUUM holds nothing back: it is known by its progress or, waiting for its lock, by its text.
-- Catalog horizons (catalog_xmin) do not matter for tables, invalidated slots hold nothing.
SELECT kind,
       pid,
       name,
       username,
       database,
       state,
       xid::text AS xmin,
       age(xid) AS age,
       seconds
  FROM (SELECT 'session' AS kind,
               a.pid,
               coalesce(nullif(a.application_name, ''), a.backend_type) AS name,
               a.usename::text AS username,
               nullif(a.datname, current_database())::text AS database,
               a.state,
               held.xid,
               extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start))::float8
                 AS seconds
          FROM pg_stat_activity a
         CROSS JOIN LATERAL (
               SELECT x.xid
                 FROM (VALUES (a.backend_xid, true),
                              (a.backend_xmin, a.datname IS NULL
                                 OR a.datname = current_database()
                                 OR current_setting('server_version_num')::integer < 140000)
                      ) AS x (xid, counts)
                WHERE x.xid IS NOT NULL AND x.counts
                ORDER BY age(x.xid) DESC
                LIMIT 1) held
         WHERE a.pid <> pg_backend_pid()
           AND a.application_name NOT LIKE 'pgbackfill%'
           AND a.backend_type IS DISTINCT FROM 'parallel worker'
           AND NOT EXISTS (SELECT FROM pg_stat_replication r WHERE r.pid = a.pid)
           AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
           AND NOT (coalesce(a.query, '') ~* '^\s*(autovacuum: )?vacuum\M'
                    AND a.query !~* '\mfull\M'
                    AND a.state = 'active'
                    AND NOT EXISTS (SELECT FROM pg_stat_progress_analyze p WHERE p.pid = a.pid))
         UNION ALL
        SELECT 'prepared transaction',
               NULL,
               p.gid,
               p.owner::text,
               nullif(p.database, current_database())::text,
               NULL,
               p.transaction,
               extract(epoch FROM clock_timestamp() - p.prepared)::float8
          FROM pg_prepared_xacts p
         UNION ALL
        SELECT 'replication slot',
               s.active_pid,
               s.slot_name::text,
               NULL,
               nullif(s.database, current_database())::text,
               CASE WHEN s.active THEN 'active' ELSE 'inactive' END,
               s.xmin,
               NULL
          FROM pg_replication_slots s
         WHERE s.xmin IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost'
         UNION ALL
        -- Its feedback; with a slot it goes there instead.
        SELECT 'standby',
               r.pid,
               r.application_name,
               r.usename::text,
               NULL,
               r.state,
               a.backend_xmin,
               NULL
          FROM pg_stat_replication r
          JOIN pg_stat_activity a ON a.pid = r.pid
         WHERE a.backend_xmin IS NOT NULL
           AND (a.datname IS NULL OR a.datname = current_database())) holder
 ORDER BY age(xid) DESC, kind, pid, name
