#pragma once

#include "planner/job_spec.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// Collects the defects of one CSV file, of which people read the first twenty.
class LookupDefects {
 public:
  explicit LookupDefects(std::string file) : file_(std::move(file)) {}
  /// `line` 0: the file as a whole.
  void add(int line, std::string message);
  bool empty() const noexcept { return total_ == 0; }
  /// Moves them to `errors`, with "and N more" where there were more than twenty.
  void move_to(std::vector<SpecError>& errors);

 private:
  std::string file_;
  std::vector<SpecError> kept_;
  std::size_t total_ = 0;
};

/// Reads the CSV file of a lookup into its headers, entries and lines. The column named
/// `value_column` is the value; where neither is, the second is. Defects are appended to `errors`.
void read_lookup_file(const std::filesystem::path& path, const std::string& value_column,
                      LookupSpec& lookup, std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
