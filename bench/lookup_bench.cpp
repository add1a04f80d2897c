#include "engine/backfill/resolver.hpp"
#include "sql/binary_codec.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <unistd.h>
#include <utility>
#include <vector>

namespace pgbackfill {
namespace {

/// What an entry takes at its peak, as text in the migration file's form and once more encoded.
constexpr std::int64_t kBytesPerEntry = 400;
constexpr std::size_t kProbes = 1 << 16;

std::int64_t free_memory_bytes() {
  return static_cast<std::int64_t>(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

engine::Resolver make_resolver(std::int64_t entries) {
  planner::JobSpec spec;
  planner::LookupSpec lookup;
  lookup.name = "team_orgs";
  lookup.entries.reserve(static_cast<std::size_t>(entries));
  for (std::int64_t i = 0; i < entries; ++i) {
    lookup.entries.emplace_back(std::to_string(i),
                                fmt::format("00000000-0000-0000-0000-{:012}", i % 1000));
  }
  spec.lookups.push_back(std::move(lookup));
  planner::Assignment assignment;
  assignment.column = "org_id";
  assignment.type = "uuid";
  assignment.resolve = planner::ResolveKind::kLookup;
  assignment.lookup = "team_orgs";
  assignment.input = "team_id";
  assignment.input_type = "bigint";
  planner::TableBackfill table;
  table.table = {"public", "bookings"};
  table.assignments = {std::move(assignment)};
  return engine::Resolver(table, spec);
}

/// Keys in random order, so that the processor's caches hold what they would hold of a real table.
std::vector<std::string> random_keys(std::int64_t entries) {
  std::mt19937_64 random(42);
  std::uniform_int_distribution<std::int64_t> any(0, entries - 1);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < kProbes; ++i) keys.push_back(sql::encode_int64(any(random)));
  return keys;
}

void BM_Lookup(benchmark::State& state) {
  if (state.range(0) * kBytesPerEntry > free_memory_bytes()) {
    state.SkipWithError("not enough free memory for so many entries");
    return;
  }
  const engine::Resolver resolver = make_resolver(state.range(0));
  const std::vector<std::string> keys = random_keys(state.range(0));
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(resolver.value(0, keys[next++ % kProbes]));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Lookup)->RangeMultiplier(10)->Range(1'000, 10'000'000);

void BM_LookupMiss(benchmark::State& state) {
  const engine::Resolver resolver = make_resolver(state.range(0));
  const std::string unknown = sql::encode_int64(-1);
  for (auto _ : state) benchmark::DoNotOptimize(resolver.value(0, unknown));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_LookupMiss)->Arg(1'000)->Arg(1'000'000);

}  // namespace
}  // namespace pgbackfill
