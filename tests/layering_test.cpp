#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// From the bottom up: a folder includes itself and what stands before it.
constexpr std::array<std::string_view, 4> kLayers{"sql", "planner", "engine", "tools"};

struct Include {
  std::string file;  ///< relative to the source tree
  std::string target;
};

bool is_source(const fs::path& path) {
  return path.extension() == ".hpp" || path.extension() == ".cpp";
}

std::vector<fs::path> sources(const fs::path& directory) {
  std::vector<fs::path> found;
  if (!fs::exists(directory)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && is_source(entry.path())) found.push_back(entry.path());
  }
  return found;
}

std::vector<Include> includes_in(std::string_view layer) {
  const fs::path root = PGBACKFILL_SOURCE_DIR;
  std::vector<Include> includes;
  for (const fs::path& path : sources(root / layer)) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("#include ")) continue;
      const std::size_t begin = line.find_first_of("\"<");
      const std::size_t end = line.find_last_of("\">");
      if (begin == std::string::npos || end <= begin) continue;
      includes.push_back(
          {fs::relative(path, root).string(), line.substr(begin + 1, end - begin - 1)});
    }
  }
  return includes;
}

std::size_t rank(std::string_view layer) {
  return static_cast<std::size_t>(std::find(kLayers.begin(), kLayers.end(), layer) -
                                  kLayers.begin());
}

TEST(Layering, NoLayerIncludesAHigherOne) {
  for (const std::string_view layer : kLayers) {
    for (const Include& include : includes_in(layer)) {
      const std::string folder = include.target.substr(0, include.target.find('/'));
      for (const std::string_view higher : kLayers) {
        if (rank(higher) <= rank(layer)) continue;
        EXPECT_NE(folder, higher) << include.file << " includes " << include.target;
      }
      EXPECT_NE(folder, "tests") << include.file << " includes " << include.target;
      EXPECT_NE(folder, "bench") << include.file << " includes " << include.target;
    }
  }
}

TEST(Layering, OnlySqlSpeaksLibpq) {
  for (const std::string_view layer : kLayers) {
    if (layer == "sql") continue;
    for (const Include& include : includes_in(layer)) {
      EXPECT_NE(include.target, "libpq-fe.h") << include.file;
    }
  }
}

TEST(Layering, TheTreeIsWhereTheTestLooks) { EXPECT_GT(includes_in("sql").size(), 20U); }

std::string camel_case(std::string_view snake) {
  std::string name;
  bool upper = true;
  for (const char c : snake) {
    if (c != '_') {
      name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    upper = c == '_';
  }
  return name;
}

// ctest picks the server tests of a file by this name; others would never run.
TEST(SuiteNames, ServerTestsAreNamedAfterTheirFile) {
  constexpr std::string_view kSuffix = "_pgtest";
  for (const fs::path& path : sources(fs::path(PGBACKFILL_SOURCE_DIR) / "tests")) {
    const std::string stem = path.stem().string();
    if (!stem.ends_with(kSuffix)) continue;
    const std::string suite = camel_case(stem.substr(0, stem.size() - kSuffix.size()));
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      for (const std::string_view macro : {"TEST(", "TEST_F(", "TEST_P("}) {
        if (!line.starts_with(macro)) continue;
        EXPECT_TRUE(line.substr(macro.size()).starts_with(suite))
            << path.filename() << ": " << line << "; call the suite " << suite << "…";
      }
    }
  }
}

}  // namespace
