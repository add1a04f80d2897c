#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// ", did you mean \"…\"?" with the known name closest to a mistyped one; empty when none is close.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace pgbackfill::planner
