#include "tools/signals.hpp"

#include <boost/thread/thread.hpp>
#include <gtest/gtest.h>

#include <unistd.h>

namespace pgbackfill::tools {
namespace {

/// Waits up to five seconds for the count.
bool reaches(const std::atomic<int>& count, int wanted) {
  for (int i = 0; i < 500 && count < wanted; ++i) {
    boost::this_thread::sleep_for(boost::chrono::milliseconds(10));
  }
  return count == wanted;
}

TEST(SignalsTest, CountsEverySignalAndTheProcessLives) {
  std::atomic<int> count{0};
  {
    const Signals signals([&](int so_far) { count = so_far; });
    kill(getpid(), SIGINT);
    EXPECT_TRUE(reaches(count, 1));
    kill(getpid(), SIGTERM);
    EXPECT_TRUE(reaches(count, 2));
    kill(getpid(), SIGHUP);
    EXPECT_TRUE(reaches(count, 3));
  }
  sigset_t mask{};
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGINT), 0);
}

TEST(SignalsTest, LeavesAHangupThatIsIgnoredAlone) {
  std::signal(SIGHUP, SIG_IGN);
  std::atomic<int> count{0};
  {
    const Signals signals([&](int so_far) { count = so_far; });
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGINT);
    EXPECT_TRUE(reaches(count, 1));
    boost::this_thread::sleep_for(boost::chrono::milliseconds(200));
  }
  EXPECT_EQ(count, 1);
  std::signal(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace pgbackfill::tools
