#pragma once

#include "planner/operations/enum/enum_plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

// The statements that replacing an enum type and taking that back have in common.

/// The columns of a type in one table.
struct EnumTable {
  const sql::Table* table = nullptr;
  std::string label;
  std::vector<const EnumColumnWork*> columns;
};

/// In catalog order.
std::vector<EnumTable> enum_tables(const EnumWork& work);

/// Owner, privileges and comment of the type (or domain) `like` for another one.
std::vector<std::string> type_decoration(sql::Connection& connection,
                                         const sql::QualifiedName& like,
                                         const sql::QualifiedName& type);

/// A type with these labels, and owner, privileges and comment of the work's type.
std::vector<std::string> create_enum(sql::Connection& connection, const EnumWork& work,
                                     const sql::QualifiedName& name,
                                     const std::vector<std::string>& labels);

/// The trigger that keeps a table's shadow columns of the type in step, until the swap. One for
/// each type, so that the swap of one type leaves the others' columns in step.
std::string sync_trigger(const EnumWork& work);
std::vector<std::string> create_sync(const PlanContext& context, const EnumWork& work,
                                     const EnumTable& columns);
std::vector<std::string> drop_sync(const EnumWork& work, const sql::Table& table);

std::string rename_column(const sql::QualifiedName& table, const std::string& from,
                          const std::string& to);
std::string rename_index(const std::string& schema, const std::string& from, const std::string& to);
std::string rename_type(const sql::QualifiedName& from, const std::string& to);

}  // namespace pgbackfill::planner
