#include "tools/docs/reference.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace

/// Writes man pages and completions into a directory, and with --readme the README's tables anew.
int main(int argc, char** argv) try {
  using namespace pgbackfill::tools;
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 2) {
    std::cerr
        << "usage: pgbackfill_docs README.md DIRECTORY | pgbackfill_docs --readme README.md\n";
    return 2;
  }
  if (args[0] == "--readme") {
    write(args[1], readme_with_tables(contents(args[1])));
    return 0;
  }
  const std::string readme = contents(args[0]);
  const fs::path directory = args[1];
  fs::create_directories(directory);
  write(directory / "pgbackfill.1", command_man_page(readme));
  write(directory / "pgbackfill.toml.5", file_man_page(readme));
  write(directory / "pgbackfill.bash", bash_completion());
  write(directory / "_pgbackfill", zsh_completion());
  return 0;
} catch (const std::exception& error) {
  std::cerr << "pgbackfill_docs: " << error.what() << '\n';
  return 1;
}
