-- Of a table and its partitions: the publications that have them; and where one of these publishes
-- updates of a table without a replica identity, its name and the first such table's.
WITH member AS MATERIALIZED (
  SELECT p.pubname::text AS publication, b.pubupdate, c.oid::regclass::text AS name,
         NOT CASE c.relreplident
               WHEN 'f' THEN true
               WHEN 'd' THEN EXISTS (SELECT FROM pg_index AS i
                                      WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid)
               WHEN 'i' THEN EXISTS (SELECT FROM pg_index AS i
                                      WHERE i.indrelid = c.oid AND i.indisreplident)
               ELSE false
             END AND c.relkind = 'r' AS anonymous
    FROM pg_publication_tables AS p
    JOIN pg_publication AS b USING (pubname)
    JOIN pg_namespace AS n ON n.nspname = p.schemaname
    JOIN pg_class AS published ON published.relnamespace = n.oid AND published.relname = p.tablename
    JOIN LATERAL (SELECT published.oid
                   UNION SELECT t.relid FROM pg_partition_tree(published.oid) AS t) AS part ON true
    JOIN pg_class AS c ON c.oid = part.oid
   WHERE c.oid IN (SELECT own.oid FROM pg_class AS own
                     JOIN pg_namespace AS s ON s.oid = own.relnamespace
                    WHERE s.nspname = $1 AND own.relname = $2
                    UNION
                   SELECT t.relid FROM pg_class AS own
                     JOIN pg_namespace AS s ON s.oid = own.relnamespace,
                          pg_partition_tree(own.oid) AS t
                    WHERE s.nspname = $1 AND own.relname = $2)
)
SELECT coalesce((SELECT string_agg(DISTINCT publication, ', ' ORDER BY publication) FROM member), ''),
       coalesce((SELECT publication FROM member WHERE anonymous AND pubupdate
                  ORDER BY name, publication LIMIT 1), ''),
       coalesce((SELECT name FROM member WHERE anonymous AND pubupdate
                  ORDER BY name, publication LIMIT 1), '')
