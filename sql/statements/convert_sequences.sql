-- The sequence of a serial or identity column, or no row.
-- $1 text: the table, quoted; $2 text: the column
SELECT n.nspname,
       c.relname,
       CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' ELSE '' END,
       s.seqtypid::regtype::text,
       format('INCREMENT BY %s START WITH %s CACHE %s%s', s.seqincrement, s.seqstart, s.seqcache,
              CASE WHEN s.seqcycle THEN ' CYCLE' ELSE ' NO CYCLE' END),
       format('MINVALUE %s MAXVALUE %s', s.seqmin, s.seqmax),
       -- A limit that is the type's own moves with the type.
       format('%s %s',
              CASE WHEN s.seqincrement < 0
                        AND s.seqmin = CASE s.seqtypid::regtype::text WHEN 'smallint' THEN -32768
                                            WHEN 'integer' THEN -2147483648
                                            ELSE -9223372036854775808 END
                   THEN 'NO MINVALUE' ELSE format('MINVALUE %s', s.seqmin) END,
              CASE WHEN s.seqincrement > 0
                        AND s.seqmax = CASE s.seqtypid::regtype::text WHEN 'smallint' THEN 32767
                                            WHEN 'integer' THEN 2147483647
                                            ELSE 9223372036854775807 END
                   THEN 'NO MAXVALUE' ELSE format('MAXVALUE %s', s.seqmax) END),
       s.seqincrement,
       -- What others than the owner may do with it.
       ARRAY(SELECT format('GRANT %s ON SEQUENCE %I.%I TO %s%s', g.privilege_type, n.nspname, c.relname,
                           CASE g.grantee WHEN 0 THEN 'PUBLIC'
                                          ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
                           CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
               FROM aclexplode(c.relacl) AS g
              WHERE g.grantee <> c.relowner
              ORDER BY 1)
  FROM pg_attribute a
  JOIN pg_depend d
    ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
   AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_sequence s ON s.seqrelid = c.oid
 WHERE a.attrelid = $1::text::regclass AND a.attname = $2 AND NOT a.attisdropped
 ORDER BY 1, 2
