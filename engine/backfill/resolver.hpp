#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pgbackfill::engine {

/// Finds the values of a row's columns from what was read of the row, bytes to bytes: nothing is
/// turned into text on the way. Constant after construction, so threads may share it.
class Resolver {
 public:
  /// Throws std::runtime_error when a value of the migration file has no binary form in its type
  /// (the checks against the catalog find that earlier).
  Resolver(const planner::TableBackfill& table, const planner::JobSpec& spec);

  /// The stage's bytes for assignment `index`, given the column that was read for it (nullopt:
  /// NULL or nothing was read). nullopt: the row has no value.
  std::optional<std::string_view> value(std::size_t index,
                                        std::optional<std::string_view> read) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view bytes) const noexcept {
      return std::hash<std::string_view>{}(bytes);
    }
  };
  struct Column {
    planner::ResolveKind kind = planner::ResolveKind::kConstant;
    std::optional<std::string> fallback;  ///< the constant, or what `otherwise` gives
    std::unordered_map<std::string, std::string, Hash, std::equal_to<>> values;
  };
  std::vector<Column> columns_;
};

}  // namespace pgbackfill::engine
