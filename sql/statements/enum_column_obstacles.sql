-- Columns of an enum type that cannot be replaced by a new column, whatever depends on them.
-- $1 text[]: tables with such a column, quoted; $2 text[]: that column
WITH RECURSIVE listed AS (
  SELECT c.oid AS relation, n.nspname, c.relname, a.*
    FROM unnest($1::text[], $2::text[]) AS u (quoted, name)
    JOIN pg_class c ON c.oid = u.quoted::regclass
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = u.name AND NOT a.attisdropped
), partitioned AS (
  SELECT relation AS root, relation, attname, attnum FROM listed
   UNION ALL
  SELECT p.root, c.oid, a.attname, a.attnum
    FROM partitioned p
    JOIN pg_inherits i ON i.inhparent = p.relation
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = p.attname AND NOT a.attisdropped
)
-- The server ties columns of a partition key to their own table, those inside expressions too.
SELECT 'pg_partitioned_table', format('partition key of table %s', p.relation::regclass),
       listed.nspname, listed.relname, listed.attname
  FROM listed
  JOIN partitioned p ON p.root = listed.relation AND p.attname = listed.attname
  JOIN pg_partitioned_table keyed ON keyed.partrelid = p.relation
 WHERE EXISTS (SELECT FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = p.relation
                  AND d.objsubid = p.attnum
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relation
                  AND d.refobjsubid = 0 AND d.deptype = 'i')
 UNION ALL
SELECT 'pg_inherits',
       format('inheritance of table %s from table %s', i.inhrelid::regclass, i.inhparent::regclass),
       nspname, relname, attname
  FROM listed
  JOIN pg_inherits i ON i.inhrelid = listed.relation OR i.inhparent = listed.relation
 WHERE NOT EXISTS (SELECT FROM pg_class child
                    WHERE child.oid = i.inhrelid AND child.relispartition)
 ORDER BY 1, 2
