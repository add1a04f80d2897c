#pragma once

#include <string>
#include <string_view>

namespace pgbackfill::tools {

/// `text` as lines of at most 80 columns, broken at spaces: the first behind `first`, the others
/// indented by as much.
std::string wrapped(std::string_view first, std::string_view text);

}  // namespace pgbackfill::tools
