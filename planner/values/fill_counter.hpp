#pragma once

#include "planner/scope.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// Counts the rows of a table that came without a value for the column, so that one can tell when
/// the application sends it. What it makes lives in the schema pgbackfill.
class FillCounter {
 public:
  explicit FillCounter(const ValueWork& work);

  std::vector<std::string> create() const;
  /// Takes back what create() and create_function() made.
  std::vector<std::string> drop() const;
  /// What counted() needs besides.
  std::vector<std::string> create_function() const;
  /// `value` as a default that counts; an expression.
  std::string counted(const std::string& value) const;
  /// plpgsql statements that count one row.
  std::string count() const;

 private:
  std::string label_;
  std::string column_;
  std::string counter_;  ///< quoted names of the sequences
  std::string clock_;
  std::string function_;
};

}  // namespace pgbackfill::planner
