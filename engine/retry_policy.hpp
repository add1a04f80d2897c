#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string_view>

namespace pgbackfill::engine {

/// What to do about a failed batch or DDL step.
enum class Disposition {
  kRetry,       ///< again as it is, after a pause: serialization, deadlock, lock not available
  kShrink,      ///< again with less: statement timeout, out of memory
  kReconnect,   ///< the link is lost: open a new one and go on from the ledger
  kIsolateRow,  ///< a row's own fault: find it
  kPause,       ///< the disk is full: wait for the operator
  kFail,        ///< nothing that waiting would mend
};

/// Pure. `sqlstate` is empty when libpq failed without a server's answer. A lost link never needs
/// its COMMIT checked: data and ledger row are one transaction and the batch asks for the column
/// to be still empty, so doing it again changes nothing that was done.
/// Source: PostgreSQL documentation, appendix A (error codes).
constexpr Disposition classify(std::string_view sqlstate, bool connection_lost) noexcept {
  if (sqlstate == "08P01" && !connection_lost)
    return Disposition::kFail;  // COPY data of a wrong width
  if (sqlstate == "28P01" || sqlstate == "28000" || sqlstate == "3D000") return Disposition::kFail;
  if (connection_lost || sqlstate.starts_with("08") || sqlstate.starts_with("57P") ||
      sqlstate == "53300") {
    return Disposition::kReconnect;
  }
  if (sqlstate == "40001" || sqlstate == "40P01" || sqlstate == "55P03") return Disposition::kRetry;
  if (sqlstate == "57014" || sqlstate == "53200") return Disposition::kShrink;
  if (sqlstate == "53100") return Disposition::kPause;
  // P0: a trigger's own RAISE; 44: the WITH CHECK OPTION of a view or policy.
  if (sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("P0") ||
      sqlstate.starts_with("44"))
    return Disposition::kIsolateRow;
  return Disposition::kFail;
}

static_assert(classify("40P01", false) == Disposition::kRetry);
static_assert(classify("55P03", false) == Disposition::kRetry);
static_assert(classify("57014", false) == Disposition::kShrink);
static_assert(classify("57P01", true) == Disposition::kReconnect);
static_assert(classify("", true) == Disposition::kReconnect);
static_assert(classify("08P01", false) == Disposition::kFail);
static_assert(classify("53100", false) == Disposition::kPause);
static_assert(classify("23514", false) == Disposition::kIsolateRow);
static_assert(classify("P0001", false) == Disposition::kIsolateRow);
static_assert(classify("42501", false) == Disposition::kFail);

/// Pauses between tries: decorrelated jitter, so that workers that failed together do not come
/// back together (each pause is drawn between the base and three times the one before).
class Backoff {
 public:
  Backoff(std::chrono::milliseconds base, std::chrono::milliseconds cap, std::uint32_t seed)
      : base_(base), cap_(cap), last_(base), random_(seed) {}
  std::chrono::milliseconds next();
  /// How many pauses this process has drawn, whoever for. Thread-safe.
  static std::int64_t drawn() noexcept;
  void reset() noexcept { last_ = base_; }

 private:
  std::chrono::milliseconds base_;
  std::chrono::milliseconds cap_;
  std::chrono::milliseconds last_;
  std::minstd_rand random_;
};

}  // namespace pgbackfill::engine
