#include "planner/values/noted_changes.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

/// The server computes generated columns after the triggers that must compute the value.
void check_input(PreflightContext& context, const ValueWork& work) {
  if (!work.needs_value || work.source == nullptr || work.source->key.empty()) return;
  const sql::Column* input = work.table->column(work.source->key);
  if (input == nullptr || !input->generated) return;
  context.refuse(work.label + "." + input->name,
                 "its value is generated, and not known yet when a trigger gives a new row "
                 "the value that is computed from it",
                 "name a column that it is computed from, or use sql with its expression");
}

void check_leftovers(PreflightContext& context, const ValueWork& work) {
  if (!work.needs_value) return;
  const std::string check = sql::fit_identifier("pgbackfill_" + work.name + "_not_null");
  for (const sql::Check& found : work.table->checks) {
    if (found.name == check) refuse_leftover(context, work.label, "constraint " + check);
  }
  for (const std::string& trigger : work.table->triggers) {
    if (trigger == fill_trigger(work) || trigger == follow_trigger(work) ||
        trigger == note_trigger(work)) {
      refuse_leftover(context, work.label, "trigger " + trigger);
    }
  }
}

}  // namespace

void check_value_columns(PreflightContext& context, const std::vector<ValueWork>& values) {
  for (const ValueWork& work : values) {
    check_input(context, work);
    check_leftovers(context, work);
    if (work.column == nullptr || !work.needs_value) continue;
    const std::string object = work.label + "." + work.column->name;
    if (work.column->generated || work.column->identity) {
      context.refuse(object,
                     fmt::format("the column exists and is {}, so it cannot be given values",
                                 work.column->generated ? "generated" : "an identity column"),
                     "drop it or rename it, or leave the table out");
    }
    for (const sql::Index& index : work.table->indexes) {
      if (!index_uses(index, work.column->name)) continue;
      context.warn(object,
                   fmt::format("index {} holds it, so every row that is filled is written to all "
                               "indexes of the table",
                               index.name),
                   "drop the index before the run; the job builds the indexes at its end");
    }
  }
}

}  // namespace pgbackfill::planner
