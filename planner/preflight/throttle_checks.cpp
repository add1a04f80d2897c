#include "planner/preflight/preflight_context.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

void check_throttle(PreflightContext& context) {
  const RunOptions& run = context.spec.run;
  if (!run.throttle_query.empty()) {
    try {
      sql::Transaction looking(context.connection, "BEGIN READ ONLY");
      context.connection.execute(run.throttle_query);
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
      context.refuse("throttle_query",
                     fmt::format("the server does not run it: {}", error.diagnostics().message),
                     "correct it in [run]");
    }
  }
  if (!run.max_replica_lag.given()) return;
  const sql::Result may = context.connection.execute(
      "SELECT pg_has_role('pg_monitor', 'USAGE') OR "
      "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)");
  if (may.boolean(0, 0)) return;
  const std::string role = context.catalog.current_user;
  context.refuse(
      "max_replica_lag",
      fmt::format("role {} may not see how far replicas are behind, so the writers would "
                  "never begin",
                  role),
      fmt::format("GRANT pg_monitor TO {}", sql::quote_identifier(role)));
}

}  // namespace pgbackfill::planner
