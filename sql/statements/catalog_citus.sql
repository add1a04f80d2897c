-- The tables that Citus keeps, one row each; asked only where it is installed. partmethod is 'h', 'a'
-- or 'r' for a distributed table and 'n' for the others; of those, repmodel is 't' for a reference
-- table (written on all nodes in two phases).
-- Source: Citus 13, "Citus Tables and Views", partition table.
SELECT logicalrelid::oid,
       CASE WHEN partmethod <> 'n' THEN 'd' WHEN repmodel = 't' THEN 'r' ELSE 'l' END
  FROM pg_catalog.pg_dist_partition
