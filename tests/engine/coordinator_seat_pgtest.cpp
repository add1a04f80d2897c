#include "engine/coordinator_seat.hpp"
#include "engine/engine.hpp"
#include "tests/support/pg_fixture.hpp"

#include <boost/thread/thread.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

namespace pgbackfill::test {
namespace {

using engine::CoordinatorSeat;
using engine::Refused;
using engine::SeatLost;
using ::testing::HasSubstr;

class CoordinatorSeatTest : public PgTest {
 protected:
  /// The message of the refusal.
  static std::string refusal(CoordinatorSeat& seat, pgbackfill::sql::Connection& connection) {
    try {
      seat.take(connection);
    } catch (const Refused& refused) {
      return refused.what();
    }
    return "taken";
  }
  void end(pgbackfill::sql::Connection& connection) {
    const std::string pid = std::to_string(connection.backend_pid());
    sql("SELECT pg_terminate_backend(" + pid + ")");
    while (value("SELECT count(*) FROM pg_stat_activity WHERE pid = " + pid) != "0") {
      boost::this_thread::yield();
    }
  }

  CoordinatorSeat first_{std::chrono::milliseconds(0)};
  CoordinatorSeat second_{std::chrono::milliseconds(0)};
};

TEST_F(CoordinatorSeatTest, IsTakenByOneAndNamed) {
  auto one = connect();
  auto other = connect();
  first_.take(one);
  EXPECT_THAT(refusal(second_, other), HasSubstr("another pgbackfill run holds this database"));
  EXPECT_THAT(refusal(second_, other),
              HasSubstr("backend " + std::to_string(one.backend_pid()) + " (user postgres"));
  end(one);
  EXPECT_EQ(refusal(second_, other), "taken");
}

TEST_F(CoordinatorSeatTest, IsNotFreeWhileSomebodyWorksForTheLast) {
  auto one = connect();
  auto other = connect();
  first_.take(one);
  auto worker = std::make_unique<pgbackfill::sql::Connection>(connect());
  first_.join(*worker);
  end(one);
  EXPECT_THAT(refusal(second_, other),
              HasSubstr("a session of an earlier run is still at work in this database: backend " +
                        std::to_string(worker->backend_pid())));
  CoordinatorSeat patient(std::chrono::hours(1));
  std::atomic<bool> taken{false};
  other = connect();
  boost::thread waiting([&] {
    patient.take(other);
    taken = true;
  });
  // It has the coordinator's lock, and waits for the worker's.
  while (value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = " +
               std::to_string(other.backend_pid())) == "0") {
    boost::this_thread::yield();
  }
  EXPECT_FALSE(taken);
  end(*worker);
  waiting.join();
  EXPECT_TRUE(taken);
}

TEST_F(CoordinatorSeatTest, NobodyWorksForOneWhoHasLostIt) {
  auto one = connect();
  first_.take(one);
  auto worker = connect();
  EXPECT_NO_THROW(first_.join(worker));
  end(one);
  auto late = connect();
  EXPECT_THROW(first_.join(late), SeatLost);
  end(late);
  end(worker);
  auto other = connect();
  EXPECT_EQ(refusal(second_, other), "taken");
  auto later = connect();
  EXPECT_THROW(first_.join(later), SeatLost);
  EXPECT_NO_THROW(second_.join(later));
}

}  // namespace
}  // namespace pgbackfill::test
