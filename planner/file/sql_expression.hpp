#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// Why a text cannot stand as a single expression inside another statement (a ';', a comment,
/// an open quote or parenthesis); nullopt when nothing speaks against it. Not a parser: the server
/// judges the rest.
std::optional<std::string> expression_defect(std::string_view expression);

}  // namespace pgbackfill::planner
