#pragma once

#include "planner/operations/enum/enum_work.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// The swap of a type in the other direction, as work like any other: the old columns are its
/// shadows, the old type is its new one. `unmap` tells what becomes of the labels, then the inverse
/// of `map` and `when` where that is unambiguous.
class WayBack {
 public:
  explicit WayBack(const EnumWork& work);
  WayBack(const WayBack&) = delete;
  WayBack& operator=(const WayBack&) = delete;

  const EnumWork& work() const { return work_; }
  /// (label, what becomes of it) of the labels that may have come from another one.
  const LabelPairs& lossy() const { return lossy_; }
  /// Labels of which nothing tells what becomes of them.
  const std::vector<std::string>& untold() const { return untold_; }

 private:
  EnumSpec spec_;
  EnumWork work_;
  LabelPairs lossy_;
  std::vector<std::string> untold_;
};

/// ('a', 'b'), ('c', 'd')
std::string pair_list(const LabelPairs& pairs);

}  // namespace pgbackfill::planner
