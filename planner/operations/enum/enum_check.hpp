#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/operations/enum/label_rewriter.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A CHECK over a column of a replaced type, or with a label in its text.
struct EnumCheck {
  std::string name;
  std::string shadow_name;  ///< until the swap
  std::string definition;   ///< over the shadows: "CHECK (…)", never with NOT VALID
  bool validated = true;
  std::string object;  ///< its oid
  std::optional<std::string> comment;
  RewrittenText rewritten;
};

/// The CHECKs of `table` that a swap has to carry over. REQUIRES: no transaction is open.
std::vector<EnumCheck> enum_table_checks(sql::Connection& connection, const EnumWork& work,
                                         const sql::Table& table);

/// Adds them over the shadows and validates them, after the backfill.
void add_check_steps(PlanContext& context, const EnumWork& work, const sql::Table& table,
                     const std::string& label);

}  // namespace pgbackfill::planner
