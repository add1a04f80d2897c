-- Objects that are dropped and created anew when an enum type is replaced, and those in their way:
-- whatever reads one of its columns or has a type of its family in its text, and what depends on
-- that. $1 text: the type, quoted; $2 text[]: tables with a column of its family, quoted;
-- $3 text[]: that column
WITH RECURSIVE listed AS (
  SELECT c.oid AS relation, a.attnum, a.attname
    FROM unnest($2::text[], $3::text[]) AS u (quoted, name)
    JOIN pg_class c ON c.oid = u.quoted::regclass
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.name AND NOT a.attisdropped
), columns AS (
  SELECT relation, attnum, attname FROM listed
   UNION
  SELECT a.attrelid, a.attnum, a.attname
    FROM columns p
    JOIN pg_inherits i ON i.inhparent = p.relation
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = p.attname AND NOT a.attisdropped
), family AS (
  SELECT oid, typarray FROM pg_type WHERE oid = $1::regtype
   UNION
  SELECT t.oid, t.typarray
    FROM family f
    JOIN pg_type t
      ON t.oid = f.typarray OR t.typbasetype = f.oid
      OR t.typtype = 'c' AND EXISTS (
           SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            WHERE c.oid = t.typrelid AND c.relkind = 'c' AND a.atttypid = f.oid)
), views AS (
  -- And composite types, which are relations too, but those that columns of tables have.
  SELECT oid, reltype
    FROM pg_class
   WHERE relkind IN ('v', 'm', 'c') AND oid >= 16384
     AND (relkind <> 'c'
          OR reltype NOT IN (SELECT a.atttypid FROM columns
                               JOIN pg_attribute a ON a.attrelid = relation
                                                  AND a.attnum = columns.attnum))
), computed AS (
  -- Generated columns. The server takes some dependencies as the column's, others as its
  -- expression's; here they are all the expression's.
  SELECT d.oid, d.adrelid, d.adnum
    FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated <> ''
    JOIN pg_class c ON c.oid = d.adrelid AND c.relkind = 'r' AND NOT c.relispartition
), part (classid, objid, view) AS (
  -- What goes and comes with a view.
  SELECT 'pg_rewrite'::regclass, r.oid, r.ev_class FROM pg_rewrite r JOIN views ON views.oid = r.ev_class
   UNION ALL
  SELECT 'pg_trigger'::regclass, g.oid, g.tgrelid FROM pg_trigger g JOIN views ON views.oid = g.tgrelid
   UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid, i.indrelid FROM pg_index i JOIN views ON views.oid = i.indrelid
   UNION ALL
  SELECT 'pg_attrdef'::regclass, d.oid, d.adrelid FROM pg_attrdef d JOIN views ON views.oid = d.adrelid
   UNION ALL
  SELECT 'pg_statistic_ext'::regclass, s.oid, s.stxrelid FROM pg_statistic_ext s JOIN views ON views.oid = s.stxrelid
   UNION ALL
  SELECT 'pg_type'::regclass, t.oid, views.oid FROM views JOIN pg_type t ON t.oid = views.reltype
   UNION ALL
  SELECT 'pg_type'::regclass, t.typarray, views.oid FROM views JOIN pg_type t ON t.oid = views.reltype
), dep AS MATERIALIZED (
  SELECT CASE WHEN g.oid IS NOT NULL THEN 'pg_attrdef'::regclass
              WHEN p.view IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS classid,
         coalesce(g.oid, p.view, d.objid) AS objid,
         CASE WHEN g.oid IS NULL AND p.view IS NULL
               AND (d.classid <> 'pg_class'::regclass OR d.objid NOT IN (SELECT oid FROM views))
              THEN d.objsubid ELSE 0 END AS objsubid,
         CASE WHEN rg.oid IS NOT NULL THEN 'pg_attrdef'::regclass
              WHEN r.view IS NULL THEN d.refclassid ELSE 'pg_class'::regclass END AS refclassid,
         coalesce(rg.oid, r.view, d.refobjid) AS refobjid,
         d.refobjsubid
    FROM pg_depend d
    LEFT JOIN part p ON p.classid = d.classid AND p.objid = d.objid
    LEFT JOIN part r ON r.classid = d.refclassid AND r.objid = d.refobjid
    LEFT JOIN computed g
      ON d.classid = 'pg_class'::regclass AND g.adrelid = d.objid AND g.adnum = d.objsubid
    LEFT JOIN computed rg
      ON d.refclassid = 'pg_class'::regclass AND rg.adrelid = d.refobjid AND rg.adnum = d.refobjsubid
   WHERE d.deptype <> 'i' OR p.view IS NOT NULL
), found AS (
  SELECT dep.classid, dep.objid, dep.objsubid, true AS direct
    FROM dep
   WHERE dep.refclassid = 'pg_type'::regclass AND dep.refobjid IN (SELECT oid FROM family)
      OR dep.refclassid = 'pg_class'::regclass
         AND (dep.refobjid, dep.refobjsubid) IN (SELECT relation, attnum FROM columns)
   UNION
  SELECT dep.classid, dep.objid, dep.objsubid, false
    FROM found f
    JOIN dep ON dep.refclassid = f.classid AND dep.refobjid = f.objid
    LEFT JOIN pg_proc p ON f.classid = 'pg_proc'::regclass AND p.oid = f.objid
   WHERE (f.classid, f.objid) <> (dep.classid, dep.objid)
     AND (p.oid IS NOT NULL
          OR f.classid = 'pg_class'::regclass AND f.objid IN (SELECT oid FROM views)
          OR f.classid = 'pg_attrdef'::regclass AND f.objid IN (SELECT oid FROM computed))
), judged AS (
  SELECT f.classid, f.objid, f.objsubid, bool_and(f.direct) AS direct,
         CASE
           WHEN c.relkind = 'c' AND v.oid IS NOT NULL THEN 'composite'
           WHEN v.oid IS NOT NULL THEN 'relation'
           WHEN p.oid IS NOT NULL THEN 'function'
           WHEN f.classid = 'pg_cast'::regclass THEN 'cast'
           WHEN cg.oid IS NOT NULL THEN 'generated'
           WHEN f.classid = 'pg_class'::regclass AND c.relkind = 'i' AND NOT c.relispartition
                AND NOT bool_and(f.direct) THEN 'index'
           WHEN k.contype IN ('c', 'p', 'u', 'x') AND k.conparentid = 0 AND k.contypid = 0
                AND kc.reloptions IS NULL AND coalesce(kc.reltablespace, 0) = 0
                AND NOT bool_and(f.direct) THEN 'constraint'
           WHEN f.classid = 'pg_rewrite'::regclass THEN 'rule'
           WHEN f.classid = 'pg_policy'::regclass THEN 'policy'
           WHEN g.oid IS NOT NULL THEN 'trigger'
           WHEN ad.oid IS NOT NULL AND a.attgenerated = '' THEN 'default'
           WHEN f.classid = 'pg_statistic_ext'::regclass THEN 'statistics'
           WHEN pr.oid IS NOT NULL AND to_jsonb(pr) ->> 'prqual' IS NULL THEN 'publication'
           ELSE ''
         END AS kind
    FROM found f
    LEFT JOIN views v ON f.classid = 'pg_class'::regclass AND v.oid = f.objid
    LEFT JOIN pg_proc p ON f.classid = 'pg_proc'::regclass AND p.oid = f.objid
    LEFT JOIN pg_namespace pn ON pn.oid = p.pronamespace
    LEFT JOIN pg_trigger g ON f.classid = 'pg_trigger'::regclass AND g.oid = f.objid
    LEFT JOIN pg_attrdef ad ON f.classid = 'pg_attrdef'::regclass AND ad.oid = f.objid
    LEFT JOIN pg_attribute a ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum
    LEFT JOIN pg_class c ON f.classid = 'pg_class'::regclass AND c.oid = f.objid
    LEFT JOIN computed cg ON f.classid = 'pg_attrdef'::regclass AND cg.oid = f.objid
    LEFT JOIN pg_constraint k ON f.classid = 'pg_constraint'::regclass AND k.oid = f.objid
    LEFT JOIN pg_class kc ON kc.oid = k.conindid
    LEFT JOIN pg_publication_rel pr ON f.classid = 'pg_publication_rel'::regclass AND pr.oid = f.objid
   WHERE pn.nspname IS DISTINCT FROM 'pgbackfill'
     AND (g.tgisinternal OR g.tgparentid <> 0 OR g.tgname ~ '^(zzz_)?pgbackfill_') IS NOT TRUE
     -- NOT NULL of a column comes with it.
     AND k.contype IS DISTINCT FROM 'n'
     AND ((ad.adrelid, ad.adnum) IN (SELECT relation, attnum FROM columns) AND a.attgenerated = '')
         IS NOT TRUE
   GROUP BY f.classid, f.objid, f.objsubid, v.oid, p.oid, g.oid, ad.oid, a.attgenerated, pr.oid,
            to_jsonb(pr) ->> 'prqual', c.relkind, c.relispartition,
            cg.oid, k.contype, k.conparentid, k.contypid, kc.reloptions, kc.reltablespace
)
-- What has no kind and depends on the type alone, on none of these, is for others to judge.
SELECT j.kind,
       j.classid::regclass::text AS class,
       j.objid::text AS object,
       pg_describe_object(j.classid, j.objid, j.objsubid) AS description,
       ARRAY(SELECT DISTINCT dep.refclassid::regclass || ' ' || dep.refobjid
               FROM dep
               JOIN judged other ON other.classid = dep.refclassid AND other.objid = dep.refobjid
              WHERE dep.classid = j.classid AND dep.objid = j.objid
                AND (dep.refclassid, dep.refobjid) <> (j.classid, j.objid)
                AND other.kind <> '') AS needs,
       coalesce(c.relkind = 'm', false) AS stored,
       coalesce(c.relispopulated, true) AS populated,
       coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), '') AS name,
       -- What it takes time to build, by its table.
       coalesce(CASE WHEN j.kind = 'generated' AND ga.attgenerated = 's' THEN ad.adrelid
                     WHEN j.kind = 'index' THEN i.indrelid
                     WHEN j.kind = 'constraint' THEN k.conrelid END, 0)::text AS built,
       (SELECT i.type || ' ' || i.identity FROM pg_identify_object(j.classid, j.objid, 0) AS i) AS identity,
       -- The partition that has it by itself, and may go with it.
       partn.nspname AS partition_schema,
       part.relname AS partition
  FROM judged j
  LEFT JOIN pg_class c ON j.classid = 'pg_class'::regclass AND c.oid = j.objid
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef ad ON j.classid = 'pg_attrdef'::regclass AND ad.oid = j.objid
  LEFT JOIN pg_attribute ga ON ga.attrelid = ad.adrelid AND ga.attnum = ad.adnum
  LEFT JOIN pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_constraint k ON j.classid = 'pg_constraint'::regclass AND k.oid = j.objid
  LEFT JOIN pg_trigger g ON j.classid = 'pg_trigger'::regclass AND g.oid = j.objid
  LEFT JOIN pg_policy po ON j.classid = 'pg_policy'::regclass AND po.oid = j.objid
  LEFT JOIN pg_rewrite rw ON j.classid = 'pg_rewrite'::regclass AND rw.oid = j.objid
  LEFT JOIN pg_statistic_ext s ON j.classid = 'pg_statistic_ext'::regclass AND s.oid = j.objid
  LEFT JOIN pg_publication_rel pr ON j.classid = 'pg_publication_rel'::regclass AND pr.oid = j.objid
  LEFT JOIN pg_class part
    ON part.relispartition
   AND part.oid = coalesce(g.tgrelid, po.polrelid, rw.ev_class, s.stxrelid, pr.prrelid, ad.adrelid)
  LEFT JOIN pg_namespace partn ON partn.oid = part.relnamespace
 WHERE j.kind <> '' OR NOT j.direct
 -- The server does not record what uses a cast: they come first, with what they are made of.
 ORDER BY CASE j.kind WHEN 'cast' THEN 1 WHEN 'composite' THEN 2 WHEN 'function' THEN 3 ELSE 4 END,
          j.kind, description
