#pragma once

#include "bench/measure.hpp"
#include "bench/workload.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::bench {

enum class Contestant { kOneUpdate, kKeyset, kAuto, kUpdate, kCopy, kCatalog, kCeiling };
std::string_view to_string(Contestant contestant);
/// Throws std::invalid_argument, naming those there are.
Contestant parse_contestant(std::string_view text);
std::vector<std::string> contestant_names();

/// How the contestants run.
struct Arena {
  const test::TempCluster* cluster = nullptr;
  std::filesystem::path directory;           ///< with the migration files
  std::filesystem::path pgbackfill;          ///< the program
  std::vector<std::string> extra_arguments;  ///< for its timed run
  int connections = 2;
};

/// Lets one contestant fill a fresh copy of `source`, whose table is `cell`, and checks every row
/// afterwards. Throws std::runtime_error when a row has a wrong value or none.
Measurement run_contestant(const Arena& arena, const Database& source, const Cell& cell,
                           Contestant contestant);

}  // namespace pgbackfill::bench
