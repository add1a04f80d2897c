#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pgbackfill::tools {

/// The finalizer of splitmix64: neighbouring inputs give unrelated outputs.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

/// splitmix64: a sequence that depends on its start alone, so that the values of any row can be
/// computed again without those before it. Thread-compatible.
class Random {
 public:
  explicit constexpr Random(std::uint64_t start) noexcept : state_(start) {}

  constexpr std::uint64_t next() noexcept {
    state_ += 0x9E3779B97F4A7C15ULL;
    return mix(state_);
  }
  /// Uniform in [0, bound). REQUIRES: bound > 0.
  constexpr std::uint32_t below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
  }
  /// Uniform in [first, last], as the int that columns take.
  constexpr int between(int first, int last) noexcept {
    return first + static_cast<int>(below(static_cast<std::uint32_t>(last - first + 1)));
  }
  constexpr bool chance(std::uint32_t percent) noexcept { return below(100) < percent; }
  template <typename T, std::size_t Size>
  constexpr const T& pick(const std::array<T, Size>& values) noexcept {
    return values[below(static_cast<std::uint32_t>(Size))];
  }

 private:
  std::uint64_t state_;
};

}  // namespace pgbackfill::tools
