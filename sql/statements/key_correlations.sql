-- How far tables lie in the order of a column, -1 to 1, of those that were analyzed and that the
-- role may read. $1 text[]: schemas; $2 text[]: tables; $3 text[]: columns; more than is wanted may
-- come. Asked by constants, which the view lets through to its indexes, other than a join.
SELECT schemaname, tablename, attname, correlation
  FROM pg_stats
 WHERE NOT inherited
   AND correlation IS NOT NULL
   AND schemaname = ANY ($1::name[])
   AND tablename = ANY ($2::name[])
   AND attname = ANY ($3::name[])
