#include <benchmark/benchmark.h>

#include <blockingconcurrentqueue.h>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace {

constexpr std::uint64_t kEnd = 0;

class LockFreeQueue {
 public:
  void push(std::uint64_t item) { queue_.enqueue(item); }
  std::uint64_t pop() {
    std::uint64_t item = kEnd;
    queue_.wait_dequeue(item);
    return item;
  }

 private:
  moodycamel::BlockingConcurrentQueue<std::uint64_t> queue_;
};

class LockedQueue {
 public:
  void push(std::uint64_t item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(item);
    }
    filled_.notify_one();
  }
  std::uint64_t pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return !items_.empty(); });
    const std::uint64_t item = items_.front();
    items_.pop_front();
    return item;
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<std::uint64_t> items_;
};

/// Moves range(0) items from range(1) producers to as many consumers.
template <typename Queue>
void BM_Queue(benchmark::State& state) {
  const auto pairs = static_cast<std::uint64_t>(state.range(1));
  const std::uint64_t items = static_cast<std::uint64_t>(state.range(0)) / pairs;
  for (auto _ : state) {
    Queue queue;
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < pairs; ++i) {
      threads.emplace_back([&queue] {
        while (queue.pop() != kEnd) {
        }
      });
      threads.emplace_back([&queue, items] {
        for (std::uint64_t item = 1; item <= items; ++item) queue.push(item);
        queue.push(kEnd);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items * pairs));
}
BENCHMARK_TEMPLATE(BM_Queue, LockFreeQueue)
    ->ArgsProduct({{1'000, 10'000, 100'000, 1'000'000, 10'000'000}, {1, 4}})
    ->UseRealTime();
BENCHMARK_TEMPLATE(BM_Queue, LockedQueue)
    ->ArgsProduct({{1'000, 10'000, 100'000, 1'000'000, 10'000'000}, {1, 4}})
    ->UseRealTime();

}  // namespace
