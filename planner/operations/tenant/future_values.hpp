#pragma once

#include "planner/preflight/preflight_context.hpp"
#include "planner/scope.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace pgbackfill::planner {

/// Queries of what the tables' organizations are going to be, nothing of which is stored yet.
class FutureValues {
 public:
  explicit FutureValues(PreflightContext& context) : context_(context) {}

  /// A subquery of the table's rows, all their columns and the value, as "pgbackfill value".
  /// nullopt where it cannot be told before the job has begun.
  std::optional<std::string> rows(const TableWork& work);

  const sql::Params& params() const { return params_; }

  /// The table of the job that has the name, or nullptr.
  const TableWork* find(const sql::QualifiedName& name) const;

 private:
  struct Value {
    std::string join;
    std::string value;
  };

  std::optional<Value> value_of(const TableWork& work);
  std::string otherwise(const TableWork& work) const;
  std::optional<Value> lookup(const TableWork& work);
  std::optional<Value> parent(const TableWork& work);
  std::optional<Value> expression(const TableWork& work);

  PreflightContext& context_;
  sql::Params params_;
  std::map<std::string, std::size_t> places_;  ///< of a lookup's keys in params_
};

}  // namespace pgbackfill::planner
