#include "tests/support/pg_fixture.hpp"

#include <unistd.h>

namespace pgbackfill::test {
namespace {

pgbackfill::sql::Connection connect_to(std::string dsn) {
  pgbackfill::sql::ConnectOptions options;
  options.dsn = std::move(dsn);
  options.application_name = "test";
  options.settings = {{"client_min_messages", "warning"}};
  return pgbackfill::sql::Connection(std::move(options));
}

}  // namespace

void PgTest::SetUp() {
  static int counter = 0;
  database_ = "test_" + std::to_string(getpid()) + "_" + std::to_string(++counter);
  connect_to(TempCluster::shared().dsn()).execute("CREATE DATABASE " + database_);
}

void PgTest::TearDown() {
  session_.reset();
  TempCluster::shared().start();
  connect_to(TempCluster::shared().dsn())
      .execute("DROP DATABASE IF EXISTS " + database_ + " WITH (FORCE)");
}

std::string PgTest::dsn(std::string_view user) const {
  return TempCluster::shared().dsn(database_, user);
}

pgbackfill::sql::Connection PgTest::connect(std::string_view user) const {
  return connect_to(dsn(user));
}

pgbackfill::sql::Connection& PgTest::session() {
  if (!session_ || !session_->usable()) {
    session_ = std::make_unique<pgbackfill::sql::Connection>(connect());
  }
  return *session_;
}

void PgTest::reconnect() {
  try {
    sql("SELECT 1");
  } catch (const ::pgbackfill::sql::Error&) {
    session_.reset();
  }
}

pgbackfill::sql::Result PgTest::sql(std::string_view statements) {
  return session().execute(statements);
}

std::string PgTest::value(std::string_view query) {
  const pgbackfill::sql::Result result = sql(query);
  return result.optional_text(0, 0).value_or("NULL");
}

void PgTest::create_citus_catalog() {
  sql("SET allow_system_table_mods = on;"
      "CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod \"char\","
      " partkey text, colocationid integer, repmodel \"char\", autoconverted boolean);"
      "RESET allow_system_table_mods");
}

}  // namespace pgbackfill::test
