-- Of tables and their partitions ($1 text[], quoted names; each that is published gives a row): the
-- publications that have them; and where one of these publishes updates of a table without a
-- replica identity, its name and the first such table's.
WITH part AS MATERIALIZED (
  SELECT w.name AS wanted, w.name::regclass::oid AS oid FROM unnest($1::text[]) AS w (name)
   UNION
  SELECT w.name, t.relid
    FROM unnest($1::text[]) AS w (name), pg_partition_tree(w.name::regclass) AS t
), member AS MATERIALIZED (
  SELECT o.wanted, p.pubname::text AS publication, b.pubupdate, c.oid::regclass::text AS name,
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
                   UNION SELECT t.relid FROM pg_partition_tree(published.oid) AS t) AS own ON true
    JOIN pg_class AS c ON c.oid = own.oid
    JOIN part AS o ON o.oid = c.oid
)
SELECT wanted, string_agg(DISTINCT publication, ', ' ORDER BY publication),
       coalesce((array_agg(publication ORDER BY name, publication)
                   FILTER (WHERE anonymous AND pubupdate))[1], ''),
       coalesce((array_agg(name ORDER BY name, publication)
                   FILTER (WHERE anonymous AND pubupdate))[1], '')
  FROM member
 GROUP BY wanted
