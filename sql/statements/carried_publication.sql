-- How to take a table with a column list from a publication and to add it again.
-- $1 oid: of pg_publication_rel. REQUIRES: search_path = pg_catalog
WITH p AS (
  SELECT r.prrelid, format('ALTER PUBLICATION %I', p.pubname) AS alter,
         to_jsonb(r) -> 'prattrs' AS listed
    FROM pg_publication_rel r
    JOIN pg_publication p ON p.oid = r.prpubid
   WHERE r.oid = $1::oid
)
SELECT 'drop' AS phase, format('%s DROP TABLE %s', alter, prrelid::regclass) AS statement FROM p
 UNION ALL
SELECT 'create',
       format('%s ADD TABLE ONLY %s (%s)', alter, prrelid::regclass,
              (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                 FROM pg_attribute a
                WHERE a.attrelid = prrelid AND listed @> to_jsonb(a.attnum)))
  FROM p
