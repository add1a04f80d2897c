#include "sql/binary_codec.hpp"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill {
namespace {

constexpr std::string_view kUuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

/// A stage row as the copy method sends it: where the row lies, its key, input and value.
void encode_row(sql::CopyEncoder& encoder, std::int64_t number, std::string_view org) {
  encoder.row(4);
  encoder.tuple_id(
      {static_cast<std::uint32_t>(number / 24), static_cast<std::uint16_t>(number % 24 + 1)});
  encoder.int64(number);
  encoder.int32(static_cast<std::int32_t>(number % 60));
  encoder.bytes(org);
}

void count(benchmark::State& state, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

/// In buffers of the size that is sent at once, as a writer does.
void BM_EncodeRows(benchmark::State& state) {
  constexpr std::size_t kBufferBytes = 1 << 16;
  const std::string org = *sql::encode_text(sql::WireType::kUuid, kUuid);
  std::string buffer;
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    sql::CopyEncoder encoder(buffer);
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      encode_row(encoder, i, org);
      if (buffer.size() >= kBufferBytes) {
        benchmark::DoNotOptimize(buffer.data());
        bytes += buffer.size();
        buffer.clear();
      }
    }
    bytes += buffer.size();
    buffer.clear();
  }
  count(state, bytes);
}
BENCHMARK(BM_EncodeRows)->RangeMultiplier(10)->Range(1'000, 10'000'000);

void BM_DecodeRows(benchmark::State& state) {
  const std::string org = *sql::encode_text(sql::WireType::kUuid, kUuid);
  std::string buffer;
  std::vector<std::size_t> starts;
  sql::CopyEncoder encoder(buffer);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    starts.push_back(buffer.size());
    encode_row(encoder, i, org);
  }
  starts.push_back(buffer.size());
  for (auto _ : state) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
      sql::CopyRowReader reader(
          std::string_view(buffer).substr(starts[i], starts[i + 1] - starts[i]));
      sum += sql::decode_tuple_id(*reader.next()).block;
      sum += sql::decode_integer(*reader.next());
      sum += sql::decode_integer(*reader.next());
      sum += static_cast<std::int64_t>(reader.next()->size());
    }
    benchmark::DoNotOptimize(sum);
  }
  count(state, buffer.size());
}
BENCHMARK(BM_DecodeRows)->RangeMultiplier(10)->Range(1'000, 10'000'000);

void BM_EncodeTextUuid(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(sql::encode_text(sql::WireType::kUuid, kUuid));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_EncodeTextUuid);

}  // namespace
}  // namespace pgbackfill
