#pragma once

#include "planner/plan/plan.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::engine {

/// An index that is being built, as the server tells.
struct BuildProgress {
  std::string table;
  std::string index;  ///< empty for one that is built without CONCURRENTLY
  std::string phase;
  double share = 0;  ///< of the whole build, 0 to 1; phases weigh by rule of thumb
};

/// How long the long steps of a job that are not done are going to take: by rule of thumb, by how
/// long others took against that, and by what the server says of an index under way. Times in
/// seconds of any steady clock. Thread-compatible.
class Forecast {
 public:
  struct Expected {
    std::string title;  ///< as in started()
    std::string table;  ///< steps of different tables run side by side
    planner::Stage stage = planner::Stage::kEnforce;
    double seconds = 0;
  };

  Forecast() = default;
  Forecast(const std::vector<Expected>& steps, int side_by_side);

  /// Titles that are not expected are passed over.
  void started(std::string_view title, double now);
  void ended(std::string_view title, bool done, double now);
  void builds(const std::vector<BuildProgress>& builds);

  double seconds_left(double now) const;

 private:
  struct Open {
    std::string table;
    planner::Stage stage = planner::Stage::kEnforce;
    double seconds = 0;
    std::optional<double> since;  ///< under way
    double share = 0;             ///< that the server says is done
  };
  /// How long steps take against what was expected.
  double pace() const;
  double left(const Open& step, double now) const;

  std::map<std::string, Open, std::less<>> open_;  ///< by title
  int side_by_side_ = 1;
  double expected_ = 0;  ///< of those done
  double taken_ = 0;
};

/// The build that the step of this title is about, or nullptr.
const BuildProgress* build_of(const std::vector<BuildProgress>& builds, std::string_view title);

}  // namespace pgbackfill::engine
