#include "planner/backfill/backfill_drafts.hpp"

#include <algorithm>
#include <utility>

namespace pgbackfill::planner {

BackfillDraft& BackfillDrafts::of(const sql::Table& leaf) {
  BackfillDraft& draft = drafts_[leaf.name];
  draft.leaf = &leaf;
  return draft;
}

void BackfillDrafts::assign(const sql::Table& leaf, Assignment assignment, bool data_path) {
  BackfillDraft& draft = of(leaf);
  draft.backfill.assignments.push_back(std::move(assignment));
  draft.data_path = draft.data_path || data_path;
}

void BackfillDrafts::follow(const sql::Table& leaf, int level,
                            const std::vector<std::string>& steps) {
  BackfillDraft& draft = of(leaf);
  draft.level = std::max(draft.level, level);
  draft.after.insert(draft.after.end(), steps.begin(), steps.end());
}

}  // namespace pgbackfill::planner
