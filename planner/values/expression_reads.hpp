#pragma once

#include "planner/scope.hpp"
#include "sql/connection.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// What a sql value depends on.
struct ExpressionReads {
  /// Of the row; all of its columns where the server cannot tell which.
  std::vector<std::string> columns;
  /// Other tables and rows, and functions whose own reading nobody can tell, for people.
  std::vector<std::string> elsewhere;
};

/// Makes temporary views with the columns that the job adds in place of the tables that
/// `expression` names and that lack them still, first in the search path. REQUIRES: a transaction
/// that is going to be rolled back.
void create_stand_ins(sql::Connection& connection, const Scope& scope,
                      const std::string& expression);

/// The dependencies of a sql value as the server resolves its names (pg_depend of a
/// temporary view of it, rolled back). REQUIRES: no transaction is open.
ExpressionReads expression_reads(sql::Connection& connection, const Scope& scope,
                                 const ValueWork& work);

}  // namespace pgbackfill::planner
