-- The session and what its role may do in the database. One row.
SELECT current_database(),
       current_user,
       pg_is_in_recovery(),
       pg_backend_pid(),
       has_database_privilege(current_database(), 'CREATE'),
       has_database_privilege(current_database(), 'TEMPORARY')
