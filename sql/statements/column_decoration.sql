-- Statements that give a new column what an old one has beside its values, in order.
-- $1 text: the table, quoted; $2 text: the old column; $3 text: the new column
WITH a AS (
  SELECT att.*, type.typstorage
    FROM pg_attribute att
    JOIN pg_type type ON type.oid = att.atttypid
   WHERE att.attrelid = $1::text::regclass AND att.attname = $2 AND NOT att.attisdropped
)
SELECT statement
  FROM (
    SELECT 1 AS place,
           format('GRANT %s (%I) ON %s TO %s%s', g.privilege_type, $3::text, $1,
                  CASE g.grantee WHEN 0 THEN 'PUBLIC'
                                 ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                  CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
      FROM a, aclexplode(a.attacl) g
    UNION ALL
    SELECT 2, format('COMMENT ON COLUMN %s.%I IS %L', $1, $3::text,
                     col_description(attrelid, attnum))
      FROM a WHERE col_description(attrelid, attnum) IS NOT NULL
    UNION ALL
    -- Unset is -1, or NULL from PostgreSQL 17 on.
    SELECT 3, format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', $1, $3::text,
                     attstattarget)
      FROM a WHERE coalesce(attstattarget, -1) >= 0
    UNION ALL
    -- Some builds of the server keep entries of their own in attoptions.
    SELECT 4, format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', $1, $3::text,
                     string_agg(option, ', ' ORDER BY option))
      FROM a, unnest(a.attoptions) AS option
     WHERE split_part(option, '=', 1) IN ('n_distinct', 'n_distinct_inherited')
    HAVING count(*) > 0
    UNION ALL
    SELECT 5, format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', $1, $3::text,
                     CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
                                     WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
      FROM a WHERE attstorage <> typstorage
  ) decoration
 GROUP BY place, statement
 ORDER BY place, statement
