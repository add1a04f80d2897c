#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace pgbackfill::planner {

/// The bytes of a file. Throws std::runtime_error whose text is the reason alone ("No such file
/// or directory", "larger than …"), without the path.
std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace pgbackfill::planner
