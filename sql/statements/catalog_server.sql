-- The session and what its role may do in the database. One row.
SELECT current_database(),
       current_user,
       pg_is_in_recovery(),
       pg_backend_pid(),
       has_database_privilege(current_database(), 'CREATE'),
       has_database_privilege(current_database(), 'TEMPORARY'),
       pg_size_bytes(current_setting('shared_buffers'))
         / current_setting('block_size')::bigint,
       to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL
