#include "bench/workload.hpp"

#include "bench/text_file.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace pgbackfill::bench {
namespace {

constexpr int kTeams = 60;

template <typename T, std::size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<KeyType, 3> kKeyTypes{
    {{KeyType::kBigint, "bigint"}, {KeyType::kUuid, "uuid"}, {KeyType::kVarchar, "varchar"}}};
constexpr Names<RowWidth, 4> kRowWidths{{{RowWidth::kNarrow, "narrow"},
                                         {RowWidth::kNormal, "normal"},
                                         {RowWidth::kWide, "wide"},
                                         {RowWidth::kToasted, "toasted"}}};

template <typename T, std::size_t N>
std::string_view name_of(const Names<T, N>& names, T value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return name;
  }
  throw std::logic_error("a value without a name");
}

template <typename T, std::size_t N>
T value_of(const Names<T, N>& names, std::string_view text) {
  std::string known;
  for (const auto& [value, name] : names) {
    if (name == text) return value;
    known += known.empty() ? "" : ", ";
    known += name;
  }
  throw std::invalid_argument(fmt::format("'{}' is none of {}", text, known));
}

struct IndexShape {
  std::string_view columns;
  /// Entries come everywhere rather than at one end, so that pages are about as full as splits
  /// in the middle leave them. An index built anew is fuller than one that has been in use.
  bool scattered;
};

constexpr int kScatteredFillfactor = 70;
constexpr std::array<IndexShape, 8> kIndexes = {{
    {"client_id, starts_at", true},
    {"status, starts_at", true},
    {"lead_id", true},
    {"team_id, starts_at", true},
    {"external_reference", true},
    {"created_at", false},
    {"starts_at", true},
    {"price_cents, booking_id", true},
}};

std::string index_sql(const IndexShape& shape, int number) {
  if (!shape.scattered) return fmt::format("CREATE INDEX ON bookings ({})", shape.columns);
  // Splits to come must not see the setting.
  return fmt::format(
      "CREATE INDEX bookings_{0} ON bookings ({1}) WITH (fillfactor = {2});"
      "ALTER INDEX bookings_{0} RESET (fillfactor)",
      number, shape.columns, kScatteredFillfactor);
}

std::string primary_key_sql(KeyType key) {
  if (key == KeyType::kBigint) return "ALTER TABLE bookings ADD PRIMARY KEY (booking_id)";
  return fmt::format(
      "ALTER TABLE bookings ADD PRIMARY KEY (booking_id) WITH (fillfactor = {});"
      "ALTER INDEX bookings_pkey RESET (fillfactor)",
      kScatteredFillfactor);
}

std::string key_expression(KeyType key) {
  switch (key) {
    case KeyType::kBigint:
      return "n";
    case KeyType::kUuid:
      return "md5('booking' || n)::uuid";
    case KeyType::kVarchar:
      return "md5('booking' || n)::uuid::text";
  }
  throw std::logic_error("a key type without an expression");
}

/// Bytes of the filler that make 24 rows a page whatever the key.
int filler_bytes(const Cell& cell) {
  switch (cell.width) {
    case RowWidth::kNarrow:
      return 0;
    case RowWidth::kWide:
      return 1500;
    case RowWidth::kToasted:
      return 10'000;
    case RowWidth::kNormal:
      break;
  }
  if (cell.key == KeyType::kBigint) return 41;
  return cell.key == KeyType::kUuid ? 33 : 11;
}

std::string table_sql(const Cell& cell) {
  // Narrow rows leave the optional columns NULL, so that every index exists at any width.
  const bool narrow = cell.width == RowWidth::kNarrow;
  const auto optional = [narrow](std::string_view expression) {
    return narrow ? std::string("NULL") : std::string(expression);
  };
  return fmt::format(
      "CREATE TABLE bookings (booking_id {0} NOT NULL, team_id integer NOT NULL,"
      " client_id varchar(36), lead_id varchar(36), external_reference varchar(36),"
      " status varchar(32) NOT NULL, starts_at timestamptz NOT NULL,"
      " created_at timestamptz NOT NULL, duration_minutes integer NOT NULL,"
      " price_cents integer NOT NULL, deposit_required boolean NOT NULL, address jsonb,"
      " options jsonb, notes text) WITH (fillfactor = {1});\n"
      "ALTER TABLE bookings ALTER notes SET STORAGE EXTERNAL;\n"
      "INSERT INTO bookings SELECT {2}, 1 + (hashint8(n) & 2147483647) % {3},"
      " {4}, {5}, {6},"
      " (ARRAY['draft', 'confirmed', 'done', 'cancelled'])[1 + n % 4],"
      " timestamptz '2024-01-01 UTC' + n * interval '30 s' + (hashint8(n + 7) & 4095) * interval"
      " '10 min', timestamptz '2024-01-01 UTC' + n * interval '30 s', 60 + 30 * (n % 6),"
      " 5000 + (hashint8(n + 3) & 65535), n % 3 = 0, {7}, {8},"
      " {9} FROM generate_series(1::bigint, {10}) AS n",
      key_sql_type(cell.key), cell.fillfactor, key_expression(cell.key), kTeams,
      optional("md5('client' || n % 50000)::uuid::text"), optional("md5('lead' || n)::uuid::text"),
      optional("md5('external' || n)::uuid::text"),
      optional("jsonb_build_object('city', 'Springfield', 'street', n % 9973)"),
      optional("jsonb_build_object('rooms', n % 7, 'pets', n % 2 = 0)"),
      filler_bytes(cell) == 0 ? "NULL"
                              : fmt::format("left(repeat(md5(n::text), {}), {})",
                                            filler_bytes(cell) / 32 + 1, filler_bytes(cell)),
      cell.rows);
}

constexpr std::string_view kOrganizationsSql =
    "CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text NOT NULL);\n"
    "CREATE TABLE team_orgs (team_id integer PRIMARY KEY, org_id uuid NOT NULL);\n"
    "INSERT INTO organizations SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,"
    " 'Organization ' || n FROM generate_series(1, 60) AS n;\n"
    "INSERT INTO team_orgs SELECT n, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid"
    " FROM generate_series(1, 60) AS n";

std::string next_database_name() {
  static int counter = 0;
  return fmt::format("bench_{}_{}", getpid(), ++counter);
}

}  // namespace

std::string_view to_string(KeyType key) { return name_of(kKeyTypes, key); }
KeyType parse_key_type(std::string_view text) { return value_of(kKeyTypes, text); }
std::string_view to_string(RowWidth width) { return name_of(kRowWidths, width); }
RowWidth parse_row_width(std::string_view text) { return value_of(kRowWidths, text); }

std::string describe(const Cell& cell) {
  return fmt::format("{} rows, {} key, {} secondary indexes, fillfactor {}, {} rows", cell.rows,
                     to_string(cell.key), cell.indexes, cell.fillfactor, to_string(cell.width));
}

std::string_view key_sql_type(KeyType key) {
  return key == KeyType::kVarchar ? "varchar(36)" : to_string(key);
}

std::string key_before_first(KeyType key) {
  return key == KeyType::kBigint ? "0" : "00000000-0000-0000-0000-000000000000";
}

std::string key_at(const Cell& cell, int part, int parts) {
  if (cell.key == KeyType::kBigint) return std::to_string(cell.rows * part / parts);
  const std::uint64_t first =
      0x1'0000'0000ULL * static_cast<std::uint64_t>(part) / static_cast<std::uint64_t>(parts) - 1;
  return fmt::format("{:08x}-ffff-ffff-ffff-ffffffffffff", first);
}

sql::Connection open(const test::TempCluster& cluster, std::string_view database) {
  sql::ConnectOptions options;
  options.dsn = cluster.dsn(database);
  options.application_name = "bench";
  options.settings = {{"client_min_messages", "warning"}};
  return sql::Connection(std::move(options));
}

Database::Database(const test::TempCluster& cluster, std::string_view create_options)
    : cluster_(&cluster), name_(next_database_name()) {
  open(cluster).execute(
      fmt::format("CREATE DATABASE {} {}", sql::quote_identifier(name_), create_options));
}

Database::Database(Database&& other) noexcept
    : cluster_(other.cluster_), name_(std::exchange(other.name_, {})) {}

Database::~Database() {
  if (name_.empty()) return;
  try {
    open(*cluster_).execute(
        fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", sql::quote_identifier(name_)));
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): it ends with the cluster
  }
}

Database Database::build(const test::TempCluster& cluster, const Cell& cell) {
  Database database(cluster, "");
  sql::Connection session = database.connect();
  session.execute("SET maintenance_work_mem = '512MB'");
  session.execute(kOrganizationsSql);
  session.execute(table_sql(cell));
  session.execute(primary_key_sql(cell.key));
  for (int i = 0; i < cell.indexes; ++i) {
    session.execute(index_sql(kIndexes.at(static_cast<std::size_t>(i)), i + 1));
  }
  session.execute("VACUUM ANALYZE");
  return database;
}

Database Database::copy_of(const Database& source) {
  const test::TempCluster& cluster = *source.cluster_;
  // Before 15 file by file was the only way and had no name.
  const bool named = open(cluster).server_version() >= 150000;
  Database database(cluster, fmt::format("TEMPLATE {} {}", sql::quote_identifier(source.name()),
                                         named ? "STRATEGY file_copy" : ""));
  sql::Connection session = database.connect();
  if (session.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_prewarm'").rows()) {
    session.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm");
    session.execute(
        "SELECT pg_prewarm('bookings');"
        "SELECT pg_prewarm(indexrelid) FROM pg_index WHERE indrelid = 'bookings'::regclass");
  }
  return database;
}

void write_migration_files(const std::filesystem::path& directory) {
  constexpr std::string_view kTenant =
      "version = 1\n\n[tenant]\ncolumn = \"org_id\"\ntype = \"uuid\"\n"
      "references = \"organizations(org_id)\"\n";
  write_file(directory / "by-team.toml",
             fmt::format("{}\n[[lookup]]\nname = \"team_orgs\"\nfile = \"team_orgs.csv\"\n\n"
                         "[[table]]\nname = \"bookings\"\nrequired = true\n"
                         "value = {{ lookup = \"team_orgs\", key = \"team_id\", otherwise = "
                         "\"fail\" }}\n",
                         kTenant));
  write_file(directory / "constant.toml",
             fmt::format("{}value = {{ constant = \"{}\" }}\n\n[[table]]\nname = \"bookings\"\n"
                         "required = true\n",
                         kTenant, kConstantOrg));
  std::string csv = "team_id,org_id\n";
  for (int team = 1; team <= kTeams; ++team) {
    csv += fmt::format("{0},00000000-0000-0000-0000-{0:012}\n", team);
  }
  write_file(directory / "team_orgs.csv", csv);
}

}  // namespace pgbackfill::bench
