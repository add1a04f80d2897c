#pragma once

#include "sql/connection.hpp"
#include "tests/support/temp_cluster.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

namespace pgbackfill::test {

/// A test with a fresh, empty database in the shared cluster. The database is dropped
/// afterwards, whoever is still connected to it.
class PgTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  const std::string& database() const noexcept { return database_; }
  std::string dsn(std::string_view user = "postgres") const;
  /// A new session in the test's database.
  ::pgbackfill::sql::Connection connect(std::string_view user = "postgres") const;
  /// Runs statements in the test's own session.
  ::pgbackfill::sql::Result sql(std::string_view statements);
  /// The one value that a query gives, as text; "NULL" for NULL.
  std::string value(std::string_view query);
  /// The table of Citus by which it is known, empty. Citus itself cannot be had here; its
  /// documentation (13) has the columns.
  void create_citus_catalog();
  ::pgbackfill::sql::Connection& session();
  /// After a restart of the server: finds out that the test's session has ended; the next is new.
  void reconnect();

 private:
  std::string database_;
  std::unique_ptr<::pgbackfill::sql::Connection> session_;
};

}  // namespace pgbackfill::test
