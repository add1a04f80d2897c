#include "sql/connection.hpp"
#include "sql/identifier.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace pgbackfill::sql {
namespace {

class ConnectionTest : public test::PgTest {
 protected:
  /// The error that `statements` give; fails the test when there is none.
  Error error_of(Connection& connection, std::string_view statements) {
    try {
      connection.execute(statements);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error from " << statements;
    return Error({}, "", false);
  }

  static Error connect_error(std::string dsn) {
    ConnectOptions options;
    options.dsn = std::move(dsn);
    options.connect_timeout = std::chrono::seconds(5);
    try {
      const Connection connection(options);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "connected";
    return Error({}, "", false);
  }
};

TEST_F(ConnectionTest, ReturnsTypedValues) {
  const Result result =
      sql("SELECT 42, 'a', true, 1.5::float8, NULL::text, ARRAY['x','b\"\\,{}',NULL,'NULL','']");
  EXPECT_EQ(result.integer(0, 0), 42);
  EXPECT_EQ(result.text(0, 1), "a");
  EXPECT_TRUE(result.boolean(0, 2));
  EXPECT_DOUBLE_EQ(result.real(0, 3), 1.5);
  EXPECT_EQ(result.optional_text(0, 4), std::nullopt);
  EXPECT_EQ(result.text_array(0, 5), (std::vector<std::string>{"x", "b\"\\,{}", "", "NULL", ""}));
}

TEST_F(ConnectionTest, ChecksReads) {
  const Result result = sql("SELECT NULL::int AS gap, 'x' AS word, '{{a}}'::text[] AS deep");
  EXPECT_THROW(result.integer(0, 0), std::logic_error);
  EXPECT_THROW(result.integer(0, 1), std::logic_error);
  EXPECT_THROW(result.boolean(0, 1), std::logic_error);
  EXPECT_THROW(result.text(1, 0), std::logic_error);
  EXPECT_THROW(result.text(0, 3), std::logic_error);
  EXPECT_THROW(result.text_array(0, 2), std::logic_error);
  try {
    result.integer(0, 1);
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string(error.what()).find("word"), std::string::npos);
  }
}

TEST_F(ConnectionTest, ArraysSurviveTheRoundTrip) {
  const std::vector<std::string> values{"", "a b", "NULL", "null", "\"", "\\", ",", "{}", "é'"};
  const Result result = session().execute("SELECT $1::text[]", {text_array_literal(values)});
  EXPECT_EQ(result.text_array(0, 0), values);
  EXPECT_TRUE(sql("SELECT '{}'::text[]").text_array(0, 0).empty());
  EXPECT_EQ(sql("SELECT '[0:1]={a,b}'::text[]").text_array(0, 0),
            (std::vector<std::string>{"a", "b"}));
}

TEST_F(ConnectionTest, LiteralsAreSafeUnderEitherStringSetting) {
  for (const char* setting : {"on", "off"}) {
    Connection connection = connect();
    connection.execute(std::string("SET escape_string_warning = off; "
                                   "SET standard_conforming_strings = ") +
                       setting);
    const std::string value = "a\\' OR \\\\ '' --";
    EXPECT_EQ(connection.execute("SELECT " + quote_literal(value)).text(0, 0), value);
  }
}

TEST_F(ConnectionTest, ErrorsKeepTheirDiagnostics) {
  sql("CREATE TABLE t (id int CONSTRAINT positive CHECK (id > 0), UNIQUE (id))");
  sql("INSERT INTO t VALUES (1)");
  const Error duplicate = error_of(session(), "INSERT INTO t VALUES (1)");
  EXPECT_EQ(duplicate.sqlstate(), "23505");
  EXPECT_EQ(duplicate.diagnostics().table, "t");
  EXPECT_EQ(duplicate.diagnostics().detail, "Key (id)=(1) already exists.");
  EXPECT_FALSE(duplicate.connection_lost());
  EXPECT_EQ(error_of(session(), "INSERT INTO t VALUES (0)").diagnostics().constraint, "positive");
  EXPECT_EQ(sql("INSERT INTO t VALUES (2), (3)").affected(), 2);
}

TEST_F(ConnectionTest, ATerminatedSessionIsLostAndSaysWhy) {
  Connection victim = connect();
  const std::string pid = std::to_string(victim.backend_pid());
  sql("SELECT pg_terminate_backend(" + pid + ")");
  const Error error = error_of(victim, "SELECT pg_sleep(5)");
  EXPECT_EQ(error.sqlstate(), "57P01");
  EXPECT_TRUE(error.connection_lost());
  EXPECT_FALSE(victim.usable());
}

TEST_F(ConnectionTest, TerminatingItselfKeepsTheSqlstate) {
  Connection victim = connect();
  const Error error = error_of(victim, "SELECT pg_terminate_backend(pg_backend_pid())");
  EXPECT_EQ(error.sqlstate(), "57P01");
  EXPECT_TRUE(error.connection_lost());
}

TEST_F(ConnectionTest, CancelsFromAnotherThread) {
  const Canceller canceller = session().canceller();
  std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      canceller.cancel();
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  const Error error = error_of(session(), "SELECT pg_sleep(30)");
  other.request_stop();
  other.join();
  EXPECT_EQ(error.sqlstate(), "57014");
  EXPECT_FALSE(error.connection_lost());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(ConnectionTest, CancellerOutlivesItsConnection) {
  auto connection = std::make_unique<Connection>(connect());
  const Canceller canceller = connection->canceller();
  connection.reset();
  canceller.cancel();
}

TEST_F(ConnectionTest, TransactionsRollBackUnlessCommitted) {
  sql("CREATE TABLE t (id int)");
  {
    const Transaction dropped(session());
    sql("INSERT INTO t VALUES (1)");
  }
  EXPECT_FALSE(session().in_transaction());
  EXPECT_EQ(value("SELECT count(*) FROM t"), "0");
  Transaction kept(session());
  EXPECT_THROW(Transaction nested(session()), std::logic_error);
  sql("INSERT INTO t VALUES (1)");
  kept.commit();
  EXPECT_EQ(value("SELECT count(*) FROM t"), "1");
}

TEST_F(ConnectionTest, AFailedTransactionDoesNotPretendToCommit) {
  Transaction transaction(session());
  EXPECT_THROW(sql("SELECT 1/0"), Error);
  try {
    transaction.commit();
    FAIL() << "committed";
  } catch (const Error& error) {
    EXPECT_EQ(error.sqlstate(), "25P02");
  }
}

TEST_F(ConnectionTest, PreparesAgainUnderTheSameName) {
  session().prepare("get", "SELECT $1::int + 1");
  EXPECT_EQ(session().execute_prepared("get", {"1"}).integer(0, 0), 2);
  session().prepare("get", "SELECT $1::int + 2");
  EXPECT_EQ(session().execute_prepared("get", {"1"}).integer(0, 0), 3);
  EXPECT_TRUE(session().execute_prepared("get", {std::nullopt}).is_null(0, 0));
}

TEST_F(ConnectionTest, SettingsApplyAndNoticesArrive) {
  std::vector<std::string> notices;
  ConnectOptions options;
  options.dsn = dsn();
  options.application_name = "settings test";
  options.settings = {{"lock_timeout", "1234ms"}, {"search_path", "a, b"}};
  options.on_notice = [&](std::string_view line) { notices.emplace_back(line); };
  Connection connection(options);
  const Connection moved = std::move(connection);
  Connection& session = const_cast<Connection&>(moved);
  EXPECT_EQ(session.execute("SHOW lock_timeout").text(0, 0), "1234ms");
  EXPECT_EQ(session.execute("SHOW search_path").text(0, 0), "a, b");
  EXPECT_EQ(session.execute("SHOW application_name").text(0, 0), "settings test");
  session.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_NE(notices[0].find("hello"), std::string::npos);
}

TEST_F(ConnectionTest, ACopyInExecuteIsAnErrorAndDoesNotHang) {
  sql("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 10000)");
  EXPECT_THROW(sql("COPY t TO STDOUT"), Error);
  EXPECT_THROW(sql("COPY t FROM STDIN"), Error);
  EXPECT_EQ(value("SELECT count(*) FROM t"), "10000");
}

TEST_F(ConnectionTest, FailuresToConnectHaveTheirSqlstate) {
  const Error missing = connect_error(test::TempCluster::shared().dsn("no_such_database"));
  EXPECT_EQ(missing.sqlstate(), "3D000");
  EXPECT_TRUE(missing.connection_lost());
  EXPECT_EQ(connect_error(dsn("nobody_of_that_name")).sqlstate(), "28000");
  const Error down = connect_error("host=/nonexistent dbname=x");
  EXPECT_EQ(down.sqlstate(), "");
  EXPECT_TRUE(down.connection_lost());
  EXPECT_NE(std::string(down.what()).find("/nonexistent"), std::string::npos);
}

TEST_F(ConnectionTest, NoErrorShowsAPassword) {
  for (const std::string dsn : {
           "postgresql://u:sesame@/nodb?host=/nonexistent",
           "postgresql://u:pre/sesame@localhost/db",
           "postgresql://u:pre@sesame@localhost/db",
           "postgresql://u:9:sesame@localhost/db",
           "host=/nonexistent password=open sesame",
           "host=/nonexistent password=open sesame=x",
           "host=/nonexistent password=sesame",
           "host=/nonexistent password='sesame",
           "postgresql://u:sesame%zz@localhost/db",
           "postgresql://u:se?sesame@localhost/db",
           "postgresql://u:se#sesame@localhost/db",
       }) {
    EXPECT_EQ(std::string(connect_error(dsn).what()).find("sesame"), std::string::npos)
        << connect_error(dsn).what();
  }
}

}  // namespace
}  // namespace pgbackfill::sql
