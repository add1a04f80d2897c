-- Objects that depend on a column and do not follow it to another type. Its keys, plain indexes,
-- default and sequence do and are left out.
-- $1 text: the table, quoted; $2 text: the column
WITH col AS (
  SELECT attrelid, attnum, attname
    FROM pg_attribute
   WHERE attrelid = $1::text::regclass AND attname = $2 AND NOT attisdropped
), found AS (
  SELECT d.classid, d.objid, d.objsubid
    FROM pg_depend d
    JOIN col ON d.refclassid = 'pg_class'::regclass AND d.refobjid = col.attrelid
            AND d.refobjsubid = col.attnum
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_attrdef ad ON d.classid = 'pg_attrdef'::regclass AND ad.oid = d.objid
    LEFT JOIN pg_attribute ada ON ada.attrelid = ad.adrelid AND ada.attnum = ad.adnum
    LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
   WHERE coalesce(c.relkind, '') <> 'S'
     -- The tree of an expression or predicate names the columns by number.
     AND (i.indexrelid IS NOT NULL
          AND coalesce(i.indpred::text, '') || coalesce(i.indexprs::text, '')
              !~ (':varattno ' || col.attnum || ' ')) IS NOT TRUE
     AND (ad.adnum = col.attnum AND ada.attgenerated = '') IS NOT TRUE
     AND coalesce(k.contype, '') NOT IN ('p', 'u', 'f', 'n')
)
SELECT DISTINCT
       CASE WHEN v.oid IS NOT NULL THEN pg_describe_object('pg_class'::regclass, v.oid, 0)
            ELSE pg_describe_object(f.classid, f.objid, f.objsubid) END AS description,
       'it depends on'
  FROM found f
  LEFT JOIN pg_rewrite rw ON f.classid = 'pg_rewrite'::regclass AND rw.oid = f.objid
  LEFT JOIN pg_class v ON v.oid = rw.ev_class AND rw.rulename = '_RETURN'
 UNION
SELECT pg_describe_object('pg_trigger'::regclass, g.oid, 0), 'its function names'
  FROM col
  JOIN pg_trigger g ON g.tgrelid = col.attrelid AND NOT g.tgisinternal
  JOIN pg_proc p ON p.oid = g.tgfoid
 WHERE p.prosrc ~ ('\m' || regexp_replace(col.attname, '([^[:alnum:]_])', '\\\1', 'g') || '\M')
 ORDER BY 1, 2
