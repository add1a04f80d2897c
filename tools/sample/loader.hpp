#pragma once

#include "sql/connection.hpp"
#include "tools/sample/sample.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::tools {

struct LoadOptions {
  SampleOptions sample;
  bool schema_only = false;
  /// Organizations are identified by a text, as before the playbook's step that makes it a uuid.
  bool text_organizations = false;
  /// Fill only these and what they refer to; empty: all. The other tables stay empty.
  std::vector<std::string> tables;
  /// Receives a line about each thing that takes its time. May be empty.
  std::function<void(std::string_view)> on_progress;
};

struct LoadSummary {
  int tables = 0;
  std::int64_t rows = 0;
};

/// Creates the sample's schema in the connected database and fills it, all in one transaction,
/// then vacuums and analyzes. Throws std::invalid_argument for an unknown table, sql::Error when
/// the server refuses (42P07: the tables exist already).
LoadSummary load_sample(sql::Connection& connection, const LoadOptions& options);

}  // namespace pgbackfill::tools
