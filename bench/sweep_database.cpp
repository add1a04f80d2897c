#include "bench/sweep_database.hpp"

#include "sql/identifier.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace pgbackfill::bench {
namespace {

constexpr auto kStatisticsPatience = std::chrono::seconds(3);

using ParsedOptions = std::unique_ptr<PQconninfoOption, sql::Releaser<&PQconninfoFree>>;

std::map<std::string, std::string> parse(std::string_view dsn) {
  char* error = nullptr;
  const ParsedOptions options(PQconninfoParse(std::string(dsn).c_str(), &error));
  const sql::MemoryHandle message(error);
  if (!options) {
    throw std::invalid_argument(
        fmt::format("--dsn is no connection string: {}", message ? message.get() : "no memory"));
  }
  std::map<std::string, std::string> keywords;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) keywords[option->keyword] = option->val;
  }
  return keywords;
}

std::string quoted_value(const std::string& value) {
  std::string text = "'";
  for (const char letter : value) {
    if (letter == '\'' || letter == '\\') text += '\\';
    text += letter;
  }
  return text + "'";
}

/// Of the tables that $1 names.
constexpr std::string_view kChosenTables =
    "schemaname <> 'pgbackfill' AND ($1 = '' OR relid = to_regclass($1)"
    " OR relid IN (SELECT relid FROM pg_partition_tree(to_regclass($1))))";

}  // namespace

SweepSource::SweepSource(std::string_view dsn) : keywords_(parse(dsn)) {
  const auto password = keywords_.find("password");
  if (password != keywords_.end()) environment_["PGPASSWORD"] = password->second;
  sql::ConnectOptions options;
  options.dsn = std::string(dsn);
  options.application_name = "sweep_bench";
  {
    sql::Connection session(std::move(options));
    database_ = std::string(session.execute("SELECT current_database()").text(0, 0));
    if (!session.execute("SELECT to_regclass('pgbackfill.job')").is_null(0, 0)) {
      throw std::runtime_error(fmt::format(
          "database {} has a ledger of pgbackfill already: sweep a database it has not worked on",
          sql::quote_identifier(database_)));
    }
  }
  refuse_if_not_copyable();
}

void SweepSource::refuse_if_not_copyable() const {
  const std::string name = sql::quote_identifier(database_);
  sql::Connection session = maintenance();
  const sql::Result rights = session.execute(
      "SELECT (rolsuper OR rolcreatedb) AND (rolsuper OR pg_has_role(d.datdba, 'MEMBER')"
      " OR d.datistemplate) FROM pg_roles AS r, pg_database AS d"
      " WHERE r.rolname = current_user AND d.datname = $1",
      {database_});
  if (!rights.boolean(0, 0)) {
    throw std::runtime_error(fmt::format(
        "cannot copy database {}: the role needs CREATEDB and must own the database", name));
  }
  // The session of the constructor may take a moment to go.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  for (;;) {
    const sql::Result others = session.execute(
        "SELECT string_agg(format('pid %s (%s)', pid, coalesce(nullif(application_name, ''),"
        " backend_type)), ', ') FROM pg_stat_activity WHERE datname = $1",
        {database_});
    if (others.is_null(0, 0)) return;
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error(
          fmt::format("cannot copy database {} while others are connected to it: end {}", name,
                      others.text(0, 0)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::string SweepSource::dsn_with(std::string_view database, bool password) const {
  std::string text;
  for (const auto& [keyword, value] : keywords_) {
    if (keyword == "dbname" || (keyword == "password" && !password)) continue;
    text += fmt::format("{}={} ", keyword, quoted_value(value));
  }
  return text + "dbname=" + quoted_value(std::string(database));
}

std::string SweepSource::public_dsn(std::string_view database) const {
  return dsn_with(database, false);
}

sql::Connection SweepSource::connect(std::string_view database) const {
  sql::ConnectOptions options;
  options.dsn = dsn_with(database, true);
  options.application_name = "sweep_bench";
  return sql::Connection(std::move(options));
}

sql::Connection SweepSource::maintenance() const {
  return connect(database_ == "postgres" ? "template1" : "postgres");
}

SweepCopy::SweepCopy(const SweepSource& source) : source_(source) {
  static int counter = 0;
  name_ = fmt::format("pgbackfill_sweep_{}_{}", getpid(), ++counter);
  sql::Connection session = source.maintenance();
  const bool named = session.server_version() >= 150000;
  try {
    session.execute(fmt::format("CREATE DATABASE {} TEMPLATE {} {}", sql::quote_identifier(name_),
                                sql::quote_identifier(source.database()),
                                named ? "STRATEGY file_copy" : ""));
  } catch (const sql::Error& error) {
    throw std::runtime_error(fmt::format("cannot copy database {}: {} {}",
                                         sql::quote_identifier(source.database()),
                                         error.diagnostics().message, error.diagnostics().detail));
  }
}

SweepCopy::~SweepCopy() {
  const std::string name = sql::quote_identifier(name_);
  try {
    source_.maintenance().execute(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name));
  } catch (const std::exception& error) {
    fmt::print(stderr, "could not drop database {}; drop it by hand: {}\n", name, error.what());
  }
}

BackfillRecord read_backfill(sql::Connection& session, const std::string& table) {
  const sql::Result row = session.execute(
      "SELECT count(*), coalesce(extract(epoch FROM max(s.finished) - min(s.started)), 0),"
      " coalesce(sum((SELECT sum(r.rows) FROM pgbackfill.range AS r"
      " WHERE r.job_id = s.job_id AND r.step_id = s.step_id)), 0)"
      " FROM pgbackfill.step AS s WHERE s.stage = 'backfill' AND ($1 = '' OR s.table_name = $1)",
      {table});
  if (row.integer(0, 0) == 0) {
    throw std::runtime_error(table.empty()
                                 ? std::string("the migration file backfills no table")
                                 : fmt::format("the migration file backfills no table {}", table));
  }
  return {row.integer(0, 2), row.real(0, 1)};
}

TableState read_states(sql::Connection& session, const std::string& table,
                       std::int64_t expected_updates) {
  const auto deadline = std::chrono::steady_clock::now() + kStatisticsPatience;
  for (;;) {
    const sql::Result row =
        session.execute(fmt::format("SELECT coalesce(sum(pg_relation_size(relid)), 0),"
                                    " coalesce(sum(pg_indexes_size(relid)), 0),"
                                    " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,"
                                    " coalesce(sum(n_tup_upd), 0), coalesce(sum(n_tup_hot_upd), 0)"
                                    " FROM pg_stat_user_tables WHERE {}",
                                    kChosenTables),
                        {table});
    const TableState state{row.integer(0, 0), row.integer(0, 1), row.integer(0, 2),
                           row.integer(0, 3), row.integer(0, 4)};
    if (state.updated >= expected_updates || std::chrono::steady_clock::now() > deadline) {
      return state;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace pgbackfill::bench
