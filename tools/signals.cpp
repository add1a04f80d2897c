#include "tools/signals.hpp"

#include <pthread.h>
#include <utility>

namespace pgbackfill::tools {

namespace {

/// Started by nohup: the end of the terminal is nothing to us. Blocked signals are queued even
/// where they are ignored, so this has to be asked for.
bool hangup_ignored() {
  struct sigaction action {};
  return sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Signals::Signals(std::function<void(int)> on_signal) : on_signal_(std::move(on_signal)) {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals_, signal);
  if (!hangup_ignored()) sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, &former_mask_);
  thread_ = boost::thread([this] { wait_loop(); });
}

Signals::~Signals() {
  ending_ = true;
  // Sent to the one thread that waits for it, it reaches nobody else.
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
}

void Signals::wait_loop() {
  int count = 0;
  for (;;) {
    const int signal = sigwaitinfo(&signals_, nullptr);
    if (ending_) return;
    if (signal > 0) on_signal_(++count);
  }
}

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace pgbackfill::tools
