#pragma once

#include "planner/job_spec.hpp"
#include "planner/scope.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// One [[unique]]: a key and who it must be unique among.
struct UniqueSpec {
  std::string table;
  std::vector<std::string> columns;
  bool per_tenant = true;  ///< scope = "tenant"; false: "global"
  std::string name;        ///< of the new key; empty: made from the names of table and columns
  Position position;
};

/// One [[unique]] as it stands in the database.
struct UniqueWork {
  const UniqueSpec* spec = nullptr;
  const sql::Table* table = nullptr;
  std::string label;                    ///< of the table
  const sql::Index* old_key = nullptr;  ///< unique over these columns alone; nullptr: none
  std::string name;                     ///< of the new key
  bool done = false;                    ///< the new key is there, and no old one
};

/// An index that makes just these columns unique, in whatever order: complete, not partial.
const sql::Index* unique_over(const sql::Table& table, const std::vector<std::string>& columns);

/// The tenant column and the key's: what becomes unique.
std::vector<std::string> tenant_key(const JobSpec& spec, const UniqueSpec& unique);

}  // namespace pgbackfill::planner
