#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "sql/connection.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// An index over a column of an enum type, and how to build it over the column's shadow, or over
/// the old column after the swap.
struct EnumIndex {
  std::string name;
  std::string shadow_name;  ///< until the swap
  std::string old_name;     ///< of the former one after the swap
  bool unique = false;
  bool clustered = false;
  std::string definition;      ///< what follows the table's name in CREATE INDEX
  std::string old_definition;  ///< the same over the old column
};

/// The indexes of `table` that a swap of `work`'s type has to carry over.
std::vector<EnumIndex> enum_indexes(sql::Connection& connection, const EnumWork& work,
                                    const sql::Table& table);

}  // namespace pgbackfill::planner
