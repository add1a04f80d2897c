-- Objects that depend on an enum type or on a column of it, except what a conversion carries over.
-- $1 text: the type, quoted; $2 text[]: tables with a column of it, quoted; $3 text[]: that column
WITH RECURSIVE listed AS (
  SELECT c.oid AS relation, a.attnum, a.attname, c.oid AS root
    FROM unnest($2::text[], $3::text[]) AS u (quoted, name)
    JOIN pg_class c ON c.oid = u.quoted::regclass
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.name AND NOT a.attisdropped
), carried AS (
  SELECT relation, attnum, attname, root FROM listed
   UNION
  SELECT a.attrelid, a.attnum, a.attname, p.root
    FROM carried p
    JOIN pg_inherits i ON i.inhparent = p.relation
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = p.attname AND NOT a.attisdropped
), member AS (
  SELECT oid, typarray FROM pg_type WHERE oid = $1::regtype
   UNION
  SELECT t.oid, t.typarray
    FROM member s
    JOIN pg_type t ON t.oid = s.typarray OR t.typtype = 'd' AND t.typbasetype = s.oid
), family AS (
  SELECT oid FROM member
   UNION
  SELECT r.rngtypid FROM pg_range r JOIN member ON r.rngsubtype = member.oid
), found AS (
  SELECT d.classid, d.objid, d.objsubid, 0::oid AS relation, ''::name AS attname
    FROM pg_depend d
   WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT oid FROM family)
   UNION ALL
  SELECT d.classid, d.objid, d.objsubid, l.relation, l.attname
    FROM pg_depend d
    JOIN carried l ON d.refobjid = l.relation AND d.refobjsubid = l.attnum
   WHERE d.refclassid = 'pg_class'::regclass
), kept AS (
  -- A view shows by its rule, by columns of the type, by its indexes and more: take it as the view.
  -- A generated column is its expression, which is what the server ties to it from PostgreSQL 15 on.
  SELECT CASE WHEN v.oid IS NOT NULL THEN 'pg_rewrite' WHEN computed.oid IS NOT NULL THEN 'pg_attrdef'
              ELSE f.classid::regclass::text END AS kind,
         coalesce(v.oid, computed.oid, f.objid) AS object,
         CASE WHEN v.oid IS NOT NULL THEN 'pg_class'::regclass ELSE f.classid END AS classid,
         coalesce(v.oid, f.objid) AS objid,
         CASE WHEN v.oid IS NOT NULL THEN 0 ELSE f.objsubid END AS objsubid,
         f.relation,
         f.attname
    FROM found f
    LEFT JOIN pg_rewrite rw ON f.classid = 'pg_rewrite'::regclass AND rw.oid = f.objid
    LEFT JOIN pg_class c ON f.classid = 'pg_class'::regclass AND c.oid = f.objid
    LEFT JOIN pg_namespace cn ON cn.oid = c.relnamespace
    LEFT JOIN pg_index i ON c.relkind IN ('i', 'I') AND i.indexrelid = c.oid
    LEFT JOIN pg_attribute a
      ON c.relkind IN ('r', 'p', 'f') AND a.attrelid = c.oid AND a.attnum = f.objsubid
    LEFT JOIN pg_attrdef computed
      ON a.attgenerated <> '' AND computed.adrelid = a.attrelid AND computed.adnum = a.attnum
    LEFT JOIN pg_attrdef ad ON f.classid = 'pg_attrdef'::regclass AND ad.oid = f.objid
    LEFT JOIN pg_attribute ada ON ada.attrelid = ad.adrelid AND ada.attnum = ad.adnum
    LEFT JOIN pg_constraint k ON f.classid = 'pg_constraint'::regclass AND k.oid = f.objid
    LEFT JOIN pg_trigger g ON f.classid = 'pg_trigger'::regclass AND g.oid = f.objid
    LEFT JOIN pg_class v
      ON v.relkind IN ('v', 'm')
     AND v.oid = coalesce(rw.ev_class, i.indrelid, ad.adrelid, g.tgrelid, c.oid)
    LEFT JOIN pg_proc p ON f.classid = 'pg_proc'::regclass AND p.oid = f.objid
    LEFT JOIN pg_namespace pn ON pn.oid = p.pronamespace
   -- Parts of a type (its array, a range's constructors and casts) need no mention beside it.
   WHERE NOT EXISTS (SELECT FROM pg_depend part
                      WHERE part.classid = f.classid AND part.objid = f.objid
                        AND part.objsubid = f.objsubid AND part.deptype = 'i'
                        AND part.refclassid = 'pg_type'::regclass)
     -- Our own objects, and what lives no longer than a session.
     AND coalesce(cn.nspname, pn.nspname, '') <> 'pgbackfill'
     AND coalesce(cn.nspname, '') NOT LIKE 'pg\_temp%'
     AND coalesce(g.tgname, p.proname, a.attname, k.conname, c.relname, '')
         !~ '^(zzz_)?pgbackfill_'
     -- Plain columns, and their defaults as far as partitions agree with their root.
     AND (a.attgenerated = ''
          AND (a.attrelid, a.attnum) IN (SELECT relation, attnum FROM carried)) IS NOT TRUE
     AND NOT EXISTS (
       SELECT FROM carried own
         JOIN pg_attribute ra ON ra.attrelid = own.root AND ra.attname = own.attname
         JOIN pg_attrdef rd ON rd.adrelid = ra.attrelid AND rd.adnum = ra.attnum
        WHERE own.relation = ad.adrelid AND own.attnum = ad.adnum AND ada.attgenerated = ''
          AND pg_get_expr(rd.adbin, rd.adrelid) = pg_get_expr(ad.adbin, ad.adrelid))
     -- Plain indexes and what partitions have from their root.
     AND (i.indexrelid IS NOT NULL AND c.relispartition
          OR i.indrelid IN (SELECT root FROM carried) AND NOT i.indisunique
             AND NOT i.indisreplident AND i.indpred IS NULL AND i.indexprs IS NULL) IS NOT TRUE
     AND (k.contype = 'n'
          OR k.conparentid <> 0
          OR k.coninhcount > 0
             AND k.conrelid IN (SELECT relation FROM carried WHERE relation <> root)) IS NOT TRUE
     AND (g.tgisinternal OR g.tgparentid <> 0) IS NOT TRUE
)
SELECT DISTINCT ON (kept.classid, kept.objid, kept.objsubid)
       kept.kind,
       pg_describe_object(kept.classid, kept.objid, kept.objsubid),
       coalesce(n.nspname, ''),
       coalesce(c.relname, ''),
       kept.attname,
       kept.object::text
  FROM kept
  LEFT JOIN pg_class c ON c.oid = kept.relation
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY kept.classid, kept.objid, kept.objsubid, kept.relation DESC, kept.attname
