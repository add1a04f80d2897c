#pragma once

#include "planner/plan/step_builder.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// Changes of what a value is computed from, noted by key while the table is backfilled and made
/// good right behind it. Before any BEFORE UPDATE row trigger, whatever its columns and condition,
/// the server locks each row and logs that (ExecBRUpdateTriggers), those of the backfill too:
/// measured, 50 bytes of WAL a row and an eighth of the rate of a table without other indexes. An
/// AFTER trigger UPDATE OF other columns costs a fetch of the old row, and nothing where the table
/// has a foreign key, whose own triggers fetch it anyway.
class NotedChanges {
 public:
  /// `inputs`: the columns of the row that its value is computed from.
  NotedChanges(const ValueWork& work, std::vector<std::string> inputs);

  /// Whether they can be noted, and that is worth two more steps: the table is large, its rows are
  /// found again by a key (a row that goes to another partition fires no such trigger), and
  /// nothing but a statement that names them sets the inputs.
  static bool suit(const PlanContext& context, const ValueWork& work,
                   const std::vector<std::string>& inputs);

  /// The table of notes, and the trigger that writes them.
  std::vector<std::string> create() const;
  /// The trigger again, after stop().
  std::string create_trigger() const;
  /// No more notes: those that there are stay.
  std::vector<std::string> stop() const;
  std::vector<std::string> drop() const;
  /// Finds noted rows whose value is not `filled` (an expression over the row t), as find_stale()
  /// does: also those that lost theirs, unless the statement that last changed them set it itself.
  std::string find_stale(const Assignment& assignment, const std::string& filled,
                         std::int64_t limit) const;

 private:
  const ValueWork* work_;
  std::vector<std::string> inputs_;
  std::vector<KeyColumn> key_;
  std::string notes_;     ///< table
  std::string function_;  ///< of the trigger
};

/// Condition of a row trigger: an UPDATE changes one of them. As images: not every type has an
/// equality.
std::string columns_differ(const std::vector<std::string>& columns);

/// Name of the trigger.
std::string note_trigger(const ValueWork& work);

}  // namespace pgbackfill::planner
