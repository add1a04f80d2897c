#pragma once

#include "bench/contestants.hpp"
#include "bench/environment.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::bench {

/// A contestant's runs over one table; `cell` is the table it had (the ceiling has a roomier one).
struct Entry {
  Contestant contestant = Contestant::kKeyset;
  Cell cell;
  std::vector<Measurement> runs;
};

struct CellReport {
  Cell cell;
  std::int64_t heap_bytes = 0;
  std::int64_t index_bytes = 0;
  double rows_per_page = 0;
  std::vector<Entry> entries;
};

/// Ours against the keyset rival.
struct Ratios {
  double rows_per_second = 0;
  double wal = 0;
};

/// The medians of a contestant in a table; nullopt where it did not take part.
std::optional<Measurement> median_of(const CellReport& report, Contestant contestant);
/// nullopt without a rival.
std::optional<Ratios> ratios(const Measurement& figures, const std::optional<Measurement>& rival);

std::string to_text(const Environment& environment);
/// The medians as a table, with the ratios to the keyset rival where that took part.
std::string to_text(const CellReport& report);

/// Everything, every single run included. Throws std::runtime_error when the file cannot be
/// written.
void write_json(const std::filesystem::path& path, const Environment& environment,
                const std::vector<std::string>& warnings, const std::vector<CellReport>& reports);

}  // namespace pgbackfill::bench
