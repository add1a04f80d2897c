#pragma once

#include "planner/job_spec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// A table that takes its value from a lookup.
struct LookupUser {
  std::string table;   ///< as written
  std::string column;  ///< looked up by
  std::string type;    ///< of that column, normalised
  Position position;   ///< of the value
};

/// Whether the text is a value of a (normalised) integer or uuid type; of other types everything
/// is: the server judges.
bool is_value_of(std::string_view type, std::string_view text);

/// Reports users whose key columns have no type in common, keys that are not of that type or
/// equal one another in it, and values that are not of `value_type`. Appends to `errors`.
void check_lookup(const JobSpec& spec, const LookupSpec& lookup,
                  const std::vector<LookupUser>& users, const std::string& value_type,
                  std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
