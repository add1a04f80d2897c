#pragma once

#include "planner/plan/step_builder.hpp"
#include "planner/preflight/preflight_context.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

class BackfillDrafts;

// What is done for every column that gets values, whether the tenant column or a [[column]].

/// The tables that get values and those that they are read from.
void need_values(const PreflightContext& context, const std::vector<ValueWork>& values,
                 Needs& needs);
/// Columns that exist and cannot be filled, and inputs that triggers do not see.
void check_value_columns(PreflightContext& context, const std::vector<ValueWork>& values);
/// What only the rows can tell: keys without a lookup entry or a parent, expressions.
void check_value_rows(PreflightContext& context, const std::vector<ValueWork>& values);

/// The ledger's copies of all lookups that are used.
void load_lookups(PlanContext& context);
/// Adds the columns, with defaults and triggers that fill new rows and follow changed ones.
void expand_values(PlanContext& context, const std::vector<ValueWork>& values);
/// What the stage backfill writes.
void draft_values(const PlanContext& context, const std::vector<ValueWork>& values,
                  BackfillDrafts& drafts);
/// Last steps of the stage backfill where changes were noted: the trigger that follows takes the
/// place of the one that notes, and what was noted is made good.
void follow_values(PlanContext& context, const std::vector<ValueWork>& values);
/// Compares with the source, sets NOT NULL, and takes defaults and triggers away.
void enforce_values(PlanContext& context, const std::vector<ValueWork>& values);

/// The value of a source as a scalar expression over the row t, without `otherwise` except for the
/// constant of a parent.
std::string source_expression(const PlanContext& context, const ValueWork& work);
/// The same, without any constant, as a join.
ValueJoin source_join(const PlanContext& context, const ValueWork& work);
/// The expression with `otherwise` where it is a constant.
std::string filled_expression(const PlanContext& context, const ValueWork& work);

/// Names of the triggers on a table whose value is derived: "zzz_pgbackfill_<what>[_<column>]".
std::string value_trigger(std::string_view what, const ValueWork& work);
std::string fill_trigger(const ValueWork& work);
std::string follow_trigger(const ValueWork& work);

}  // namespace pgbackfill::planner
