#include "engine/backfill/window.hpp"
#include "planner/backfill/splitter.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

namespace pgbackfill {
namespace {

constexpr std::uint32_t kRowsPerBlock = 24;
constexpr std::int64_t kBatchRows = 1'000;

void BM_SplitBlocks(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(planner::split_blocks(state.range(0), 256));
}
BENCHMARK(BM_SplitBlocks)->RangeMultiplier(10)->Range(1'000, 10'000'000);

void BM_SplitIntegers(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        planner::split_integers(1, state.range(0), state.range(0) / kBatchRows));
  }
}
BENCHMARK(BM_SplitIntegers)->RangeMultiplier(10)->Range(1'000, 10'000'000);

void BM_SplitAt(benchmark::State& state) {
  std::vector<std::vector<std::string>> boundaries;
  for (std::int64_t i = 0; i < state.range(0); ++i) boundaries.push_back({std::to_string(i)});
  for (auto _ : state) benchmark::DoNotOptimize(planner::split_at(boundaries));
}
BENCHMARK(BM_SplitAt)->RangeMultiplier(10)->Range(1'000, 1'000'000);

engine::Window full_window(std::int64_t rows, planner::ReadOrder order) {
  planner::TableBackfill table;
  table.method = planner::Method::kCopy;
  table.order = order;
  planner::Step step;
  step.id = "backfill:bookings";
  step.backfill = table;
  engine::Window window;
  window.job = std::make_shared<engine::TableJob>(step, engine::RoundRecord{}, planner::JobSpec{},
                                                  planner::RunOptions{});
  const auto blocks = static_cast<std::uint32_t>(rows / kRowsPerBlock + 1);
  window.bounds = {{"0"}, {std::to_string(blocks)}};
  window.shape = {12, 8, (blocks + 7) / 8};
  for (std::int64_t i = 0; i < rows; ++i) {
    window.rows.push_back({0, 60, static_cast<std::uint32_t>(i / kRowsPerBlock),
                           static_cast<std::uint16_t>(i % kRowsPerBlock + 1)});
  }
  return window;
}

void BM_MakeBatches(benchmark::State& state) {
  const auto order = state.range(1) == 0 ? planner::ReadOrder::kBlock : planner::ReadOrder::kKey;
  state.SetLabel(std::string(planner::to_string(order)));
  const engine::Window window = full_window(state.range(0), order);
  for (auto _ : state) benchmark::DoNotOptimize(engine::make_batches(window, kBatchRows));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_MakeBatches)->ArgsProduct({{1'000, 10'000, 100'000, 1'000'000, 10'000'000}, {0, 1}});

}  // namespace
}  // namespace pgbackfill
