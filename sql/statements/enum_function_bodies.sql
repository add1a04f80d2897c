-- Functions whose text holds an old label as a literal and names the type or a table with a column
-- of it (or is a trigger function of such a table). The server keeps no record of these.
-- $1 text: the type's name; $2 text[]: tables, quoted; $3 text[]: old labels
WITH tables AS (
  SELECT c.oid, c.relname
    FROM unnest($2::text[]) AS quoted
    JOIN pg_class c ON c.oid = quoted::regclass
), words AS (
  SELECT '\m' || regexp_replace(word, '([^[:alnum:]_])', '\\\1', 'g') || '\M' AS pattern
    FROM (SELECT $1::text UNION SELECT relname::text FROM tables) AS named (word)
)
SELECT 'pg_proc',
       format('%s, whose body has the literal %s',
              pg_describe_object('pg_proc'::regclass, p.oid, 0),
              (SELECT string_agg(quote_literal(label), ', ')
                 FROM unnest($3::text[]) AS label
                WHERE strpos(p.prosrc, quote_literal(label)) > 0))
  FROM pg_proc p
  JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname NOT LIKE 'pg\_%'
   AND n.nspname NOT IN ('information_schema', 'pgbackfill')
   AND p.proname !~ '^(zzz_)?pgbackfill_'
   AND EXISTS (SELECT FROM unnest($3::text[]) AS label
                WHERE strpos(p.prosrc, quote_literal(label)) > 0)
   AND (EXISTS (SELECT FROM words WHERE p.prosrc ~* words.pattern)
        OR EXISTS (SELECT FROM pg_trigger g JOIN tables ON tables.oid = g.tgrelid
                    WHERE g.tgfoid = p.oid))
 ORDER BY 2
