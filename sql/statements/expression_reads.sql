-- What the temporary view pgbackfill_reads depends on: columns of one table (true), other tables
-- and functions that do not come with the server (false). $1 text: that table, quoted
SELECT d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = to_regclass($1)::oid AS own,
       CASE WHEN d.refclassid = 'pg_catalog.pg_proc'::regclass
            THEN 'function ' || d.refobjid::regprocedure::text
            WHEN d.refobjid = to_regclass($1)::oid THEN a.attname::text
            ELSE c.relname::text END AS what
  FROM pg_catalog.pg_depend AS d
  JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
  LEFT JOIN pg_catalog.pg_class AS c
    ON d.refclassid = 'pg_catalog.pg_class'::regclass AND c.oid = d.refobjid
  LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
 WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass
   AND r.ev_class = to_regclass('pg_temp.pgbackfill_reads')
   AND d.refobjid <> r.ev_class
   AND (d.refclassid = 'pg_catalog.pg_proc'::regclass OR d.refobjid <> to_regclass($1)::oid
        OR a.attname IS NOT NULL)
   AND d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)
 GROUP BY 1, 2
 ORDER BY 1, 2
