#pragma once

#include "planner/plan/plan.hpp"
#include "sql/catalog.hpp"

#include <map>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// One physical table while the columns to be set are gathered.
struct BackfillDraft {
  const sql::Table* leaf = nullptr;
  TableBackfill backfill;
  bool data_path = false;          ///< rows are written; false: all is done by defaults
  int level = 0;                   ///< of dependency: steps of a lower one stand before
  std::vector<std::string> after;  ///< steps whose values are read
};

/// The tables that the stage backfill goes over. One pass over a table sets the columns of every
/// operation together, so that a row is rewritten once.
class BackfillDrafts {
 public:
  /// The draft of a physical table, begun when nobody has.
  BackfillDraft& of(const sql::Table& leaf);
  /// Sets one more column of it.
  void assign(const sql::Table& leaf, Assignment assignment, bool data_path);
  /// It takes values from what those steps fill.
  void follow(const sql::Table& leaf, int level, const std::vector<std::string>& steps);

  std::map<sql::QualifiedName, BackfillDraft>& all() noexcept { return drafts_; }

 private:
  std::map<sql::QualifiedName, BackfillDraft> drafts_;  // a map: references stay, order is stable
};

}  // namespace pgbackfill::planner
