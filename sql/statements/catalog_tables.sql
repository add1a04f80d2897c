-- Every table, partitioned table, view, materialized view and foreign table of the application.
WITH row_types_in_use AS (
  -- Composite types of tables that stored columns have, by themselves or as arrays.
  SELECT DISTINCT coalesce(element.typrelid, type.typrelid) AS relation
    FROM pg_attribute a
    JOIN pg_class holder ON holder.oid = a.attrelid AND holder.relkind IN ('r', 'p', 'm')
    JOIN pg_type type ON type.oid = a.atttypid
    LEFT JOIN pg_type element ON element.typarray = type.oid
   WHERE NOT a.attisdropped
     AND coalesce(element.typrelid, type.typrelid) <> 0
)
SELECT c.oid,
       n.nspname,
       c.relname,
       c.relkind,
       c.relpersistence,
       c.relispartition,
       c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid),
       NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid),
       c.relkind IN ('r', 'p') AND row_security_active(c.oid),
       pg_has_role(c.relowner, 'USAGE'),
       pg_get_userbyid(c.relowner),
       c.oid IN (SELECT relation FROM row_types_in_use),
       coalesce(am.amname, ''),
       -- Before PostgreSQL 14, 0 of no pages is what was never analyzed.
       CASE WHEN c.reltuples = 0 AND c.relpages = 0
             AND current_setting('server_version_num')::integer < 140000
            THEN -1 ELSE c.reltuples END,
       CASE WHEN c.relkind IN ('r', 'm')
            THEN coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int8
            ELSE 0
       END,
       coalesce((SELECT option_value::int4 FROM pg_options_to_table(c.reloptions)
                  WHERE option_name = 'fillfactor'), 100)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_am am ON am.oid = c.relam
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
 ORDER BY n.nspname, c.relname
