#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/plan/foreign_keys.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/connection.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A foreign key with columns of a replaced type. Both ends have them: no other type can be
/// compared with an enum.
struct EnumKey : ForeignKeyParts {
  std::string shadow_name;  ///< until the swap
  std::string clause;       ///< over the shadows
};

std::vector<EnumKey> enum_keys(sql::Connection& connection, const EnumWork& work);

/// Adds them over the shadows and validates them, once the indexes that they lead to are there.
void add_key_steps(PlanContext& context, const EnumWork& work);

/// Of the swap: before anything else, and when the columns have changed names.
std::vector<std::string> drop_keys(const std::vector<EnumKey>& keys);
std::vector<std::string> rename_keys(const std::vector<EnumKey>& keys);

}  // namespace pgbackfill::planner
