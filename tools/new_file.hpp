#pragma once

#include "tools/console.hpp"

#include <string>

namespace pgbackfill::tools {

/// Writes a file that is not there yet: none of the operator's is ever overwritten. Says so, with
/// `advice` behind it; returns an exit code.
int write_new_file(const std::string& path, const std::string& text, const std::string& advice,
                   Console& console);

}  // namespace pgbackfill::tools
