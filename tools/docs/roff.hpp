#pragma once

#include <string>
#include <string_view>

namespace pgbackfill::tools {

/// Plain text that man shows as it is.
std::string roff_text(std::string_view text);

/// A line of Markdown: code and strong in bold, emphasis in italics, links as their text.
std::string roff_inline(std::string_view markdown);

/// Headings, paragraphs, lists, fenced code and tables (as tagged paragraphs).
std::string roff_from_markdown(std::string_view markdown);

}  // namespace pgbackfill::tools
