#pragma once

#include "planner/job_spec.hpp"

#include <fmt/format.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// Reports a name that is there already, with the place of the first.
template <typename Key>
void add_distinct(std::map<Key, Position>& seen, const Key& key, std::string_view what,
                  const std::string& shown, const Position& position,
                  std::vector<SpecError>& errors) {
  const auto [first, added] = seen.emplace(key, position);
  if (added) return;
  errors.push_back(
      {position, fmt::format("{} \"{}\" is on line {} already", what, shown, first->second.line)});
}

}  // namespace pgbackfill::planner
