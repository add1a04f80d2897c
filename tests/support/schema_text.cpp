#include "tests/support/schema_text.hpp"

#include "sql/connection.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temp_cluster.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace pgbackfill::test {
namespace fs = std::filesystem;
namespace {

/// Of "pg_dump (PostgreSQL) 15.18 …".
int major_version(const fs::path& program) {
  const std::string text = run_program(program, {"--version"}).out;
  const auto at = text.find(") ");
  return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + 2);
}

struct Client {
  fs::path path;
  int version = 0;
};

Client newest_client(const std::string& program) {
  std::vector<fs::path> candidates{find_server_binaries() / program};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    candidates.push_back(entry.path() / "bin" / program);
  }
  Client newest;
  for (const fs::path& path : candidates) {
    if (!fs::exists(path)) continue;
    const int version = major_version(path);
    if (version > newest.version) newest = {path, version};
    // The server's own.
    if (path == candidates.front()) break;
  }
  if (newest.version == 0) {
    throw std::runtime_error("there is no " + program +
                             ": install PostgreSQL's client programs (on Debian: "
                             "postgresql-client)");
  }
  return newest;
}

/// One line of text for each object that a schema holds; $1 names the schema to leave out.
constexpr std::string_view kObjects = R"(
WITH namespace AS (
  SELECT oid FROM pg_namespace
   WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema' AND nspname <> $1
), relation AS (
  SELECT c.*, c.oid::regclass::text AS name FROM pg_class AS c JOIN namespace AS n
    ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
)
SELECT format('relation %s %s owner %s acl %s options %s identity %s rls %s %s', relkind, name,
              relowner::regrole, relacl, reloptions, relreplident, relrowsecurity,
              relforcerowsecurity) FROM relation
UNION ALL SELECT format('column %s.%s %s collation %s notnull %s default %s identity %s generated %s '
                        'statistics %s storage %s acl %s options %s', r.name, a.attname,
                        format_type(a.atttypid, a.atttypmod), nullif(a.attcollation, 0)::regcollation,
                        a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity,
                        a.attgenerated, nullif(a.attstattarget, -1), a.attstorage, a.attacl,
                        a.attoptions)
  FROM pg_attribute AS a JOIN relation AS r ON r.oid = a.attrelid
  LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'
UNION ALL SELECT format('constraint %s %s %s valid %s', coalesce(nullif(conrelid, 0)::regclass::text,
                        contypid::regtype::text), conname, pg_get_constraintdef(k.oid), convalidated)
  FROM pg_constraint AS k JOIN namespace AS n ON n.oid = k.connamespace
UNION ALL SELECT format('index %s clustered %s identity %s valid %s', pg_get_indexdef(indexrelid),
                        indisclustered, indisreplident, indisvalid)
  FROM pg_index AS i JOIN relation AS r ON r.oid = i.indrelid
UNION ALL SELECT format('trigger %s enabled %s', pg_get_triggerdef(t.oid), tgenabled)
  FROM pg_trigger AS t JOIN relation AS r ON r.oid = t.tgrelid WHERE NOT tgisinternal
UNION ALL SELECT format('rule %s enabled %s', pg_get_ruledef(w.oid), ev_enabled)
  FROM pg_rewrite AS w JOIN relation AS r ON r.oid = w.ev_class
UNION ALL SELECT format('policy %s %s %s %s using %s check %s', r.name, polname, polcmd,
                        ARRAY(SELECT u::regrole::text FROM unnest(polroles) AS u),
                        pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
  FROM pg_policy JOIN relation AS r ON r.oid = polrelid
UNION ALL SELECT format('statistics %s', pg_get_statisticsobjdef(s.oid))
  FROM pg_statistic_ext AS s JOIN namespace AS n ON n.oid = s.stxnamespace
UNION ALL SELECT format('function %s owner %s acl %s', pg_get_functiondef(p.oid),
                        p.proowner::regrole, p.proacl)
  FROM pg_proc AS p JOIN namespace AS n ON n.oid = p.pronamespace WHERE p.prokind IN ('f', 'p')
UNION ALL SELECT format('label %s before %s: %L', t.oid::regtype,
                        (SELECT count(*) FROM pg_enum AS later WHERE later.enumtypid = e.enumtypid
                            AND later.enumsortorder > e.enumsortorder), e.enumlabel)
  FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid
  JOIN namespace AS n ON n.oid = t.typnamespace
UNION ALL SELECT format('type %s %s owner %s acl %s', t.oid::regtype, typtype, typowner::regrole,
                        typacl)
  FROM pg_type AS t JOIN namespace AS n ON n.oid = t.typnamespace WHERE typtype IN ('e', 'd')
UNION ALL SELECT format('sequence %s %s', r.name, to_jsonb(s) - 'seqrelid')
  FROM pg_sequence AS s JOIN relation AS r ON r.oid = s.seqrelid
UNION ALL SELECT format('schema %s owner %s acl %s', nspname, nspowner::regrole, nspacl)
  FROM pg_namespace JOIN namespace USING (oid)
UNION ALL SELECT format('publication %s %s', to_jsonb(p), ARRAY(SELECT t::text
                        FROM pg_publication_tables AS t WHERE t.pubname = p.pubname ORDER BY 1))
  FROM (SELECT pubname, pubowner::regrole::text, puballtables FROM pg_publication) AS p
UNION ALL SELECT format('comment %s: %L', pg_describe_object(classoid, objoid, objsubid),
                        description)
  FROM pg_description AS d
 WHERE d.objoid >= 16384 AND (d.classoid <> 'pg_class'::regclass
                              OR d.objoid IN (SELECT oid FROM relation)
                              OR d.objoid IN (SELECT indexrelid FROM pg_index AS i
                                                JOIN relation AS r ON r.oid = i.indrelid))
ORDER BY 1
)";

std::string from_catalogs(const std::string& dsn, bool ledger) {
  sql::ConnectOptions options;
  options.dsn = dsn;
  // Names come with their schemas.
  options.settings = {{"search_path", "pg_catalog"}};
  sql::Connection connection(options);
  const auto lines = connection.execute(kObjects, {ledger ? "" : "pgbackfill"});
  std::string text;
  for (int row = 0; row < lines.rows(); ++row) text += std::string(lines.text(row, 0)) + "\n";
  return text;
}

std::string dumped(const fs::path& program, const std::string& dsn, bool ledger) {
  std::vector<std::string> arguments{"--schema-only", "--no-sync", "--dbname", dsn};
  if (!ledger) arguments.emplace_back("--exclude-schema=pgbackfill");
  const ProgramOutcome outcome = run_program(program, arguments);
  if (outcome.exit_code != 0) throw std::runtime_error(outcome.err);
  std::istringstream stream(outcome.out);
  std::string text;
  for (std::string line; std::getline(stream, line);) {
    // Comments, and since late 2025 \restrict with a random key.
    if (line.empty() || line.starts_with("--") || line.starts_with("\\")) continue;
    text += line + "\n";
  }
  return text;
}

}  // namespace

fs::path find_any_client(const std::string& program) { return newest_client(program).path; }

fs::path find_client(const std::string& program) {
  const int server = major_version(find_server_binaries() / "postgres");
  const Client client = newest_client(program);
  if (client.version >= server) return client.path;
  static std::set<std::string> told;
  if (told.insert(program).second) {
    std::cout << "NOTE: the newest " << program << " here (" << client.path.string()
              << ") is of version " << client.version << ", older than the server's " << server
              << ": tested without it\n";
  }
  return {};
}

std::string schema_text(const std::string& dsn, bool ledger) {
  const fs::path program = find_client("pg_dump");
  return program.empty() ? from_catalogs(dsn, ledger) : dumped(program, dsn, ledger);
}

}  // namespace pgbackfill::test
