-- What index builds and validations of this session may use: an operator's own setting stands.
-- Otherwise an eighth of the memory that the server is told to have beyond its own
-- (effective_cache_size less shared_buffers; 1 GB where nobody told it), shared by the $1 sessions
-- side by side: never less than the server gives by itself, 1 GB at most. They also share the
-- server's parallel workers.
SELECT set_config(name, value, false)
  FROM (SELECT m.name,
               greatest(m.setting::bigint,
                        least(1048576,
                              CASE WHEN c.source = 'default' THEN 1048576
                                   ELSE (c.setting::bigint - b.setting::bigint) * 8
                              END / 8 / $1::integer)) || 'kB' AS value,
               m.source
          FROM pg_settings AS m, pg_settings AS c, pg_settings AS b
         WHERE m.name = 'maintenance_work_mem' AND c.name = 'effective_cache_size'
               AND b.name = 'shared_buffers'
        UNION ALL
        SELECT p.name, least(p.setting::integer, w.setting::integer / $1::integer)::text, p.source
          FROM pg_settings AS p, pg_settings AS w
         WHERE p.name = 'max_parallel_maintenance_workers' AND w.name = 'max_parallel_workers'
       ) AS wanted
 WHERE source = 'default';
