#include "engine/verify/verifier.hpp"

#include "engine/verify/leftovers.hpp"
#include "planner/operations/operation.hpp"
#include "planner/verify/verify_context.hpp"

namespace pgbackfill::engine {

VerifyReport verify(const planner::JobSpec& spec, sql::Connection& connection) {
  VerifyReport report;
  const sql::Catalog catalog = sql::read_catalog(connection);
  const sql::Transaction transaction(connection,
                                     "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  planner::VerifyContext context{spec, catalog, connection, report};
  for (const planner::Operation* operation : planner::operations()) operation->verify(context);
  check_leftovers(context);
  return report;
}

}  // namespace pgbackfill::engine
