#pragma once

#include "planner/job_spec.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// All defects of a migration file at once. what() is one line per defect.
class SpecErrors : public std::runtime_error {
 public:
  explicit SpecErrors(std::vector<SpecError> errors);
  const std::vector<SpecError>& errors() const noexcept { return errors_; }

 private:
  std::vector<SpecError> errors_;
};

/// Reads a migration file (TOML) and the lookup files (CSV) it names. Throws SpecErrors with
/// everything found: syntax, unknown keys, wrong types, missing or repeated names, references to
/// lookups and tables that the file does not define, cycles between parents, missing CSV files,
/// CSV rows of the wrong width, empty or repeated keys.
JobSpec read_migration_file(const std::filesystem::path& path);

}  // namespace pgbackfill::planner
