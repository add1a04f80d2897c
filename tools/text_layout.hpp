#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

/// Fits the terminals that people have, and the tickets that they copy it into.
inline constexpr std::size_t kPageWidth = 80;

/// `text` as lines of at most `width` columns, broken at spaces: the first behind `first`, the
/// others indented by as much.
std::string wrapped(std::string_view first, std::string_view text, std::size_t width = kPageWidth);

/// Rows of cells as columns, the first row being their heads: the first `words` columns
/// left-aligned, the figures behind them right-aligned. The first is cut where a line would
/// become wider than `width`.
std::string columns(std::vector<std::vector<std::string>> rows, std::size_t words,
                    std::size_t width = kPageWidth);

}  // namespace pgbackfill::tools
