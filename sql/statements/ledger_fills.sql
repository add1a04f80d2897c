-- Rows that came without a value, by table and column: how many, since when, how many seconds ago
-- the last did (NULL: none), and for how long none has.
SELECT f.table_name, f.column_name, coalesce(n.rows, 0), to_char(f.since, 'YYYY-MM-DD HH24:MI TZ'),
       CASE WHEN n.rows > 0 THEN greatest(0, extract(epoch FROM clock_timestamp()) - n.last) END,
       greatest(0, extract(epoch FROM clock_timestamp())
                   - greatest(extract(epoch FROM f.since), n.last))
FROM pgbackfill.fill AS f
CROSS JOIN LATERAL (
  SELECT pg_sequence_last_value(to_regclass(f.counter)) AS rows,
         pg_sequence_last_value(to_regclass(f.clock)) AS last
) AS n
ORDER BY f.table_name, f.column_name
