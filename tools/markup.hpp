#pragma once

#include <string>
#include <string_view>

namespace pgbackfill::tools {

/// As the content of an element or of a quoted attribute, in HTML, SVG and XML. Line breaks stay.
std::string escape_markup(std::string_view text);

}  // namespace pgbackfill::tools
