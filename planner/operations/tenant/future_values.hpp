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
  std::optional<std::string> rows(const ValueWork& work);

  const sql::Params& params() const { return params_; }

 private:
  struct Value {
    std::string join;
    std::string value;
  };

  std::optional<Value> value_of(const ValueWork& work);
  std::string otherwise(const ValueWork& work) const;
  std::optional<Value> lookup(const ValueWork& work);
  std::optional<Value> parent(const ValueWork& work);
  std::optional<Value> expression(const ValueWork& work);

  PreflightContext& context_;
  sql::Params params_;
  std::map<std::string, std::size_t> places_;  ///< of a lookup's keys in params_
};

}  // namespace pgbackfill::planner
