#pragma once

#include "planner/preflight/preflight.hpp"
#include "planner/scope.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

struct Needs;

/// What the parts of preflight() share. Each part appends to `findings`.
struct PreflightContext {
  const JobSpec& spec;
  const sql::Catalog& catalog;
  sql::Connection& connection;
  Scope scope;
  std::string tenant_type;  ///< empty without [tenant]
  std::vector<Finding> findings;
  /// What holds each relation name; read when first asked for.
  mutable std::optional<std::map<sql::QualifiedName, std::string>> names = {};

  void refuse(std::string object, std::string message, std::string advice) {
    findings.push_back({true, std::move(object), std::move(message), std::move(advice), {}});
  }
  void warn(std::string object, std::string message, std::string advice) {
    findings.push_back({false, std::move(object), std::move(message), std::move(advice), {}});
  }
};

/// What the role may do and see, as one finding with the statements that would mend it. False
/// when something is lacking, so that the rest cannot be looked at.
bool check_privileges(PreflightContext& context, const Needs& needs);
/// What the throttle is to watch can be seen, and its query runs.
void check_throttle(PreflightContext& context);
/// What the application's triggers would do for each row that is written, or what keeps the role
/// from skipping them.
void check_user_triggers(PreflightContext& context, const Needs& needs);

/// What holds a relation name in a schema: "an index of table …", "another relation"; empty when
/// it is free.
std::string holder_of(const PreflightContext& context, const sql::QualifiedName& name);
/// Something stands under a name that the job gives to its own helpers.
void refuse_leftover(PreflightContext& context, const std::string& object, const std::string& what);

}  // namespace pgbackfill::planner
