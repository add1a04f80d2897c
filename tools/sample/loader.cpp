#include "tools/sample/loader.hpp"

#include "sql/copy_stream.hpp"
#include "sql/identifier.hpp"
#include "tools/sample/schema.hpp"
#include "tools/sample/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace pgbackfill::tools {
namespace {

/// Large enough that a message costs nothing against its rows, small enough for the socket.
constexpr std::size_t kSendBytes = 64 * 1024;

void report(const LoadOptions& options, std::string_view line) {
  if (options.on_progress) options.on_progress(line);
}

using Wanted = std::array<bool, kTableCount>;

Wanted wanted_tables(const LoadOptions& options, const std::vector<TableFiller>& fillers) {
  Wanted wanted{};
  if (options.schema_only) return wanted;
  for (const std::string& name : options.tables) {
    const auto table = find_table(name);
    if (!table) {
      throw std::invalid_argument(
          fmt::format("the sample has no table \"{}\"; see schema.sql for its tables", name));
    }
    wanted[static_cast<std::size_t>(*table)] = true;
  }
  if (options.tables.empty()) wanted.fill(true);
  // Referenced tables come first in the order, so one walk from the end finds them all.
  for (auto filler = fillers.rbegin(); filler != fillers.rend(); ++filler) {
    if (!wanted[static_cast<std::size_t>(filler->table)]) continue;
    for (const Table table : filler->references) wanted[static_cast<std::size_t>(table)] = true;
  }
  return wanted;
}

std::int64_t fill_table(sql::Connection& connection, const Sample& sample,
                        const TableFiller& filler) {
  std::string buffer;
  buffer.reserve(2 * kSendBytes);
  RowWriter out(sample, buffer);
  const auto columns =
      static_cast<std::int16_t>(1 + std::count(filler.columns.begin(), filler.columns.end(), ','));
  sql::CopyIn copy = connection.copy_in(
      fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)",
                  sql::quote_identifier(table_name(filler.table)), filler.columns));
  buffer.append(sql::kCopyHeader);
  const Row rows = sample.rows(filler.table);
  for (Row row = 0; row < rows; ++row) {
    out.begin(columns);
    filler.fill(sample, row, out);
    if (buffer.size() >= kSendBytes) {
      copy.put(buffer);
      buffer.clear();
    }
  }
  buffer.append(sql::kCopyTrailer);
  copy.put(buffer);
  const std::int64_t taken = copy.finish().front().affected();
  if (taken != rows) {
    throw std::logic_error(
        fmt::format("table {} took {} rows of {}", table_name(filler.table), taken, rows));
  }
  return taken;
}

/// Rows were written with their numbers, so the sequences behind serial columns must follow.
void advance_sequences(sql::Connection& connection) {
  connection.execute(R"(DO $$
DECLARE
  owned record;
  last bigint;
BEGIN
  FOR owned IN
    SELECT d.objid::regclass AS sequence, d.refobjid::regclass AS of_table, a.attname AS of_column
      FROM pg_depend d
      JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
      JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.deptype = 'a' AND c.relnamespace = current_schema()::regnamespace
  LOOP
    EXECUTE format('SELECT max(%I) FROM %s', owned.of_column, owned.of_table) INTO last;
    IF last IS NOT NULL THEN
      PERFORM setval(owned.sequence, last);
    END IF;
  END LOOP;
END $$)");
}

/// As the application was before its keys became uuids.
void make_organizations_text(sql::Connection& connection) {
  std::string drops;
  std::string types = "ALTER TABLE organizations ALTER org_id TYPE varchar(36) USING org_id::text;";
  std::string keys;
  for (const std::string_view table :
       {"organization_billing", "organization_usage_events", "memberships", "api_tokens"}) {
    drops += fmt::format("ALTER TABLE {0} DROP CONSTRAINT {0}_org_id_fkey;", table);
    types += fmt::format("ALTER TABLE {} ALTER org_id TYPE varchar(36) USING org_id::text;", table);
    keys += fmt::format(
        "ALTER TABLE {} ADD FOREIGN KEY (org_id) REFERENCES organizations (org_id);", table);
  }
  connection.execute(drops + types + keys);
}

}  // namespace

LoadSummary load_sample(sql::Connection& connection, const LoadOptions& options) {
  const Sample sample(options.sample);
  const std::vector<TableFiller> fillers = table_fillers();
  const Wanted wanted = wanted_tables(options, fillers);
  LoadSummary summary;
  // Tables made and filled in one transaction can be written frozen, and nothing is left of a load
  // that was interrupted.
  sql::Transaction transaction(connection);
  connection.execute(schema_before_data());
  for (const TableFiller& filler : fillers) {
    ++summary.tables;
    if (!wanted[static_cast<std::size_t>(filler.table)]) continue;
    summary.rows += fill_table(connection, sample, filler);
    if (sample.rows(filler.table) >= 1'000'000) {
      report(options,
             fmt::format("{}: {} rows", table_name(filler.table), sample.rows(filler.table)));
    }
  }
  report(options,
         fmt::format("{} rows written; keys, indexes and foreign keys follow", summary.rows));
  advance_sequences(connection);
  connection.execute(schema_after_data());
  if (options.text_organizations) make_organizations_text(connection);
  transaction.commit();
  // So that autovacuum does not come to do it in the middle of what the sample is used for.
  connection.execute("VACUUM (ANALYZE)");
  return summary;
}

}  // namespace pgbackfill::tools
