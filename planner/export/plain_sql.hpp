#pragma once

#include "planner/plan/plan.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// The text names an object that the job makes for itself in the ledger's schema.
bool names_helper(std::string_view text);

/// Rewrites the statements of a plan so that they do without the ledger.
class PlainSql {
 public:
  /// Lookups are read from temporary tables.
  explicit PlainSql(const Plan& plan);

  /// Appends what is left of a statement, if anything is.
  void add(std::string statement, std::vector<std::string>& statements) const;
  std::string with_lookups(std::string statement) const;
  bool names_lookup(std::string_view statement) const;

 private:
  std::vector<std::pair<std::string, std::string>> lookups_;  ///< the ledger's table, ours
};

}  // namespace pgbackfill::planner
