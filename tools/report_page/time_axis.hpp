#pragma once

#include <utility>
#include <vector>

namespace pgbackfill::tools {

/// From, to: seconds since 1970.
using Interval = std::pair<double, double>;

/// The time during which something was under way, from left to right between 0 and 1. Pauses
/// (a job may rest for days between two runs) take no room, but for a mark.
class TimeAxis {
 public:
  /// Pauses of up to `keep` seconds are left in.
  TimeAxis(std::vector<Interval> busy, double keep);

  /// Seconds without the pauses; at least a thousandth.
  double length() const noexcept { return length_; }
  double position(double time) const;
  /// A pause that was taken out.
  struct Pause {
    double at = 0;  ///< position
    double seconds = 0;
  };
  const std::vector<Pause>& pauses() const noexcept { return pauses_; }

 private:
  std::vector<Interval> spans_;
  std::vector<Pause> pauses_;
  double length_ = 0;
};

/// Where to put marks on an axis from 0 to `most`: multiples of 1, 2 or 5 times a power of ten, at
/// most `count` of them above 0.
std::vector<double> round_ticks(double most, int count);
/// As round_ticks, of seconds: whole minutes and hours where there are that many.
std::vector<double> time_ticks(double most, int count);

}  // namespace pgbackfill::tools
