#pragma once

#include "sql/connection.hpp"

#include <boost/thread/thread.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace pgbackfill::test {

/// Runs `work` over and over in a session and thread of its own until it is ended: the application
/// that goes on while a job runs.
class Application {
 public:
  using Work = std::function<void(sql::Connection&, int round)>;

  Application(sql::Connection connection, Work work)
      : thread_([this, work = std::move(work),
                 session = std::make_shared<sql::Connection>(std::move(connection))] {
          for (int round = 0; !ended_; ++round) {
            try {
              work(*session, round);
              ++rounds_;
            } catch (const sql::Error& error) {
              if (error.connection_lost()) return;
              if (errors_++ == 0) first_error_ = error.what();
              if (session->in_transaction()) session->execute("ROLLBACK");
            }
          }
        }) {}
  ~Application() { end(); }

  void end() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
  }
  /// Waits until `rounds` more are done.
  void reach(int rounds) const {
    const int goal = rounds_ + rounds;
    while (rounds_ < goal && errors_ < rounds) boost::this_thread::yield();
  }
  int rounds() const { return rounds_; }
  int errors() const { return errors_; }
  /// Of the first failed round. REQUIRES: ended.
  const std::string& first_error() const { return first_error_; }

 private:
  std::atomic<bool> ended_{false};
  std::atomic<int> rounds_{0};
  std::atomic<int> errors_{0};
  std::string first_error_;
  boost::thread thread_;
};

}  // namespace pgbackfill::test
