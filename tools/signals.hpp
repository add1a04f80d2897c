#pragma once

#include <boost/thread/thread.hpp>

#include <atomic>
#include <csignal>
#include <functional>

namespace pgbackfill::tools {

/// Takes SIGINT, SIGTERM and (unless it is ignored) SIGHUP for as long as it lives, on a thread
/// that waits for them;
/// `on_signal` runs there and gets the number of signals so far. Made before any other thread,
/// because new threads inherit that these signals are blocked.
class Signals {
 public:
  explicit Signals(std::function<void(int)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void wait_loop();

  std::function<void(int)> on_signal_;
  sigset_t signals_{};
  sigset_t former_mask_{};
  std::atomic<bool> ending_{false};
  boost::thread thread_;
};

/// Writing to a closed pipe becomes an error of the stream instead of the process's end.
void ignore_broken_pipes();

}  // namespace pgbackfill::tools
