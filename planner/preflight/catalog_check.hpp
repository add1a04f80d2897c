#pragma once

#include "planner/job_spec.hpp"
#include "planner/spec_resolution.hpp"
#include "sql/catalog.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// Looks for what the migration file names in the catalog; each operation looks for its own names
/// through this.
class CatalogCheck {
 public:
  CatalogCheck(const JobSpec& job, const sql::Catalog& database) : spec(job), catalog(database) {}

  const JobSpec& spec;
  const sql::Catalog& catalog;

  template <typename... Args>
  void report(const Position& position, fmt::format_string<Args...> format, Args&&... args) {
    errors.push_back({position, fmt::format(format, std::forward<Args>(args)...)});
  }
  /// The table, unless it is missing or cannot hold rows, which is reported.
  const sql::Table* need_table(const std::string& written, const Position& position,
                               std::string_view what);
  /// The column, unless it is missing, which is reported.
  const sql::Column* need_column(const sql::Table& table, const std::string& name,
                                 const Position& position, std::string_view what);
  std::string shown(const sql::Table& table) const { return table.name.display(spec.schema); }
  /// The column's type once the job is done.
  std::string final_type(const sql::Table& table, const sql::Column& column) const;

  std::vector<SpecError> errors;

 private:
  std::string elsewhere(const sql::QualifiedName& name) const;
};

/// The table can have rows of its own or of its partitions.
bool holds_rows(const sql::Table& table);

}  // namespace pgbackfill::planner
