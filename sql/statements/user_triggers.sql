-- The application's triggers that an UPDATE by the job concerns. $1 text[]: the tables whose rows it
-- writes, quoted. $2 text[]: for each, the columns that it sets, as an array literal. A trigger that
-- a partition has from its partitioned table is told once, where it was created.
WITH RECURSIVE written AS (
  SELECT w.relation::regclass::oid AS relation, w.columns::text[] AS columns
    FROM unnest($1::text[], $2::text[]) AS w (relation, columns)
), origin AS (
  SELECT g.oid AS fires, g.oid AS trigger, g.tgparentid AS parent
    FROM written AS w
    JOIN pg_trigger AS g ON g.tgrelid = w.relation
   UNION ALL
  SELECT o.fires, p.oid, p.tgparentid
    FROM origin AS o
    JOIN pg_trigger AS p ON p.oid = o.parent
)
SELECT DISTINCT n.nspname, c.relname, top.tgname, (g.tgtype & 1) <> 0 AS for_each_row,
       (g.tgtype & 2) <> 0 AS before, g.tgenabled = 'A' AS always, g.tgenabled = 'R' AS replica
  FROM written AS w
  JOIN pg_trigger AS g ON g.tgrelid = w.relation
  JOIN origin AS o ON o.fires = g.oid AND o.parent = 0
  JOIN pg_trigger AS top ON top.oid = o.trigger
  JOIN pg_class AS c ON c.oid = top.tgrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_proc AS f ON f.oid = g.tgfoid
  JOIN pg_namespace AS ours ON ours.oid = f.pronamespace
 WHERE NOT top.tgisinternal
   AND (g.tgtype & 16) <> 0
   AND g.tgenabled <> 'D'
   AND ours.nspname <> 'pgbackfill'
   -- UPDATE OF: also by a generated column, which may be computed from one that is set.
   AND (g.tgattr::text = ''
        OR EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = g.tgrelid AND a.attnum = ANY (g.tgattr)
                      AND (a.attname = ANY (w.columns)
                           OR (a.attgenerated <> ''
                               AND EXISTS (SELECT FROM pg_attribute AS b
                                            WHERE b.attrelid = a.attrelid
                                              AND b.attname = ANY (w.columns))))))
 ORDER BY 1, 2, 3
