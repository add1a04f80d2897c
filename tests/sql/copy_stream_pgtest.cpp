#include "sql/binary_codec.hpp"
#include "sql/copy_stream.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace pgbackfill::sql {
namespace {

constexpr std::string_view kRead =
    "COPY (SELECT ctid, id, name FROM t ORDER BY id) TO STDOUT "
    "(FORMAT binary)";
constexpr std::string_view kWrite = "COPY t (id, name) FROM STDIN (FORMAT binary)";

class CopyStreamTest : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    sql("CREATE TABLE t (id bigint PRIMARY KEY, name text)");
  }

  static std::string sqlstate_of(CopyIn& copy) {
    try {
      copy.finish();
    } catch (const Error& error) {
      return std::string(error.sqlstate());
    }
    return "no error";
  }
};

TEST_F(CopyStreamTest, RowsSurviveTheRoundTrip) {
  {
    std::string buffer;
    CopyEncoder encoder(buffer);
    encoder.header();
    for (int i = 0; i < 1000; ++i) {
      encoder.row(2);
      encoder.int64(i);
      if (i % 2 == 0) {
        encoder.null();
      } else {
        encoder.bytes("name " + std::to_string(i));
      }
    }
    encoder.trailer();
    CopyIn copy = session().copy_in(kWrite);
    // In pieces that do not respect the rows.
    for (std::size_t at = 0; at < buffer.size(); at += 777) {
      copy.put(std::string_view(buffer).substr(at, 777));
    }
    EXPECT_EQ(copy.finish().front().affected(), 1000);
  }
  EXPECT_EQ(value("SELECT count(*) FROM t WHERE id % 2 = 0 AND name IS NULL "
                  "OR name = 'name ' || id"),
            "1000");

  CopyOut copy = session().copy_out(kRead);
  std::string_view message;
  int rows = 0;
  while (copy.next(message)) {
    CopyRowReader reader(message);
    if (reader.at_end()) continue;
    ASSERT_EQ(reader.fields(), 3);
    const TupleId place = decode_tuple_id(reader.next().value());
    EXPECT_GE(place.offset, 1);
    const std::int64_t id = decode_integer(reader.next().value());
    EXPECT_EQ(id, rows);
    EXPECT_EQ(reader.next().has_value(), id % 2 == 1);
    ++rows;
  }
  EXPECT_EQ(rows, 1000);
  EXPECT_FALSE(copy.next(message));
}

TEST_F(CopyStreamTest, TuplePositionsGoBothWays) {
  sql("CREATE TABLE places (at tid)");
  std::string buffer;
  CopyEncoder encoder(buffer);
  encoder.header();
  encoder.row(1);
  encoder.tuple_id({70000, 12});
  encoder.trailer();
  CopyIn copy = session().copy_in("COPY places FROM STDIN (FORMAT binary)");
  copy.put(buffer);
  EXPECT_EQ(copy.finish().front().affected(), 1);
  EXPECT_EQ(value("SELECT at FROM places"), "(70000,12)");
}

TEST_F(CopyStreamTest, AnEmptyTableGivesNoRows) {
  CopyOut copy = session().copy_out(kRead);
  std::string_view message;
  while (copy.next(message)) EXPECT_TRUE(CopyRowReader(message).at_end());
  EXPECT_EQ(value("SELECT 1"), "1");
}

TEST_F(CopyStreamTest, AnErrorInsideComesFromFinish) {
  sql("INSERT INTO t VALUES (1)");
  std::string buffer;
  CopyEncoder encoder(buffer);
  encoder.header();
  encoder.row(2);
  encoder.int64(1);
  encoder.null();
  encoder.trailer();
  CopyIn copy = session().copy_in(kWrite);
  copy.put(buffer);
  EXPECT_EQ(sqlstate_of(copy), "23505");
  EXPECT_TRUE(session().usable());
  EXPECT_EQ(value("SELECT count(*) FROM t"), "1");
}

TEST_F(CopyStreamTest, AWrongWidthIsNoLostConnection) {
  std::string buffer;
  CopyEncoder encoder(buffer);
  encoder.header();
  encoder.row(2);
  encoder.int32(1);
  encoder.null();
  encoder.trailer();
  CopyIn copy = session().copy_in(kWrite);
  copy.put(buffer);
  try {
    copy.finish();
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.sqlstate(), "08P01");
    EXPECT_FALSE(error.connection_lost());
  }
  EXPECT_TRUE(session().usable());
}

TEST_F(CopyStreamTest, PutReportsAServerThatHasStoppedListening) {
  CopyIn copy = session().copy_in(kWrite);
  std::string garbage(1 << 20, 'x');
  try {
    for (int i = 0; i < 200; ++i) copy.put(garbage);
    copy.finish();
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.sqlstate(), "22P04");
  }
  EXPECT_EQ(value("SELECT 1"), "1");
}

TEST_F(CopyStreamTest, LeftWithoutFinishNothingIsWritten) {
  {
    CopyIn copy = session().copy_in("BEGIN; " + std::string(kWrite));
    copy.put(kCopyHeader);
  }
  EXPECT_TRUE(session().in_transaction());
  sql("ROLLBACK");
  EXPECT_EQ(value("SELECT count(*) FROM t"), "0");
}

TEST_F(CopyStreamTest, StatementsAfterTheCopyGiveTheirResults) {
  const std::string row = "1\tone\n";
  {
    CopyIn copy = session().copy_in(
        "BEGIN; COPY t (id, name) FROM STDIN; SELECT name FROM t; UPDATE t SET id = 2; COMMIT");
    copy.put(row);
    const std::vector<Result> results = copy.finish();
    ASSERT_EQ(results.size(), 4U);
    EXPECT_EQ(results[0].affected(), 1);
    EXPECT_EQ(results[1].text(0, 0), "one");
    EXPECT_EQ(results[2].affected(), 1);
  }
  EXPECT_FALSE(session().in_transaction());
  {
    CopyIn copy = session().copy_in(
        "BEGIN; COPY t (id, name) FROM STDIN; SELECT 1 / (count(*) - 2) FROM t; COMMIT");
    copy.put(row);
    EXPECT_EQ(sqlstate_of(copy), "22012");
  }
  EXPECT_TRUE(session().in_transaction());
  session().execute("ROLLBACK");
  EXPECT_EQ(value("SELECT count(*) FROM t"), "1");
}

TEST_F(CopyStreamTest, LeftEarlyTheReadEndsSoon) {
  const auto begin = std::chrono::steady_clock::now();
  {
    CopyOut copy = session().copy_out(
        "COPY (SELECT i, repeat('x', 1000) FROM generate_series(1, 50000000) i) TO STDOUT");
    std::string_view row;
    ASSERT_TRUE(copy.next(row));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(value("SELECT 1"), "1");
}

TEST_F(CopyStreamTest, AReadThatFailsHalfWayThrows) {
  CopyOut copy = session().copy_out(
      "COPY (SELECT 100 / (5000 - i) FROM generate_series(1, 6000) i) TO STDOUT");
  std::string_view row;
  try {
    while (copy.next(row)) {
    }
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.sqlstate(), "22012");
  }
  EXPECT_EQ(value("SELECT 1"), "1");
}

TEST_F(CopyStreamTest, StatementsThatAreNoCopyAreRefused) {
  EXPECT_THROW(session().copy_in("SELECT 1"), Error);
  EXPECT_THROW(session().copy_out("SELECT 1"), Error);
  EXPECT_THROW(session().copy_in(kRead), Error);
  EXPECT_THROW(session().copy_out(kWrite), Error);
  EXPECT_THROW(session().copy_out("COPY no_such_table TO STDOUT"), Error);
  EXPECT_EQ(value("SELECT 1"), "1");
}

}  // namespace
}  // namespace pgbackfill::sql
