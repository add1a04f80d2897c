#include "tools/new_file.hpp"

#include "tools/cli.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace pgbackfill::tools {

int write_new_file(const std::string& path, const std::string& text, const std::string& advice,
                   Console& console) {
  if (std::filesystem::exists(path)) {
    console.line(fmt::format("pgbackfill: {} exists; give -o another name, or remove it", path));
    return kExitUsage;
  }
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) {
    console.line(fmt::format("pgbackfill: cannot write {}: {}", path, std::strerror(errno)));
    return kExitFailed;
  }
  console.line(fmt::format("wrote {}; {}", path, advice));
  return kExitDone;
}

}  // namespace pgbackfill::tools
