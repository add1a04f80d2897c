#include "planner/file/text_file.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace pgbackfill::planner {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const noexcept { static_cast<void>(std::fclose(file)); }
};

[[noreturn]] void throw_errno() {
  throw std::runtime_error(std::generic_category().message(errno));
}

}  // namespace

std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
  if (!file) throw_errno();
  std::string text;
  std::array<char, 65536> buffer;
  // Reading a directory opens well and fails here.
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    if (text.size() + got > max_bytes) {
      throw std::runtime_error(fmt::format("larger than {} MB", max_bytes >> 20U));
    }
    text.append(buffer.data(), got);
  }
  if (std::ferror(file.get()) != 0) throw_errno();
  return text;
}

}  // namespace pgbackfill::planner
