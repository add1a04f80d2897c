#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

/// `text` as lines of at most 80 columns, broken at spaces: the first behind `first`, the others
/// indented by as much.
std::string wrapped(std::string_view first, std::string_view text);

/// Rows of cells as columns, the first row being their heads: the first `words` columns
/// left-aligned, the figures behind them right-aligned. The first is cut where a line would
/// become wider than 80 columns.
std::string columns(std::vector<std::vector<std::string>> rows, std::size_t words);

}  // namespace pgbackfill::tools
