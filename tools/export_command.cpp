#include "engine/engine.hpp"
#include "planner/export/alembic_revision.hpp"
#include "planner/file/migration_file.hpp"
#include "sql/catalog.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/job_plan.hpp"
#include "tools/new_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

namespace pgbackfill::tools {
namespace {

/// What is true before the job already cannot tell that the job has been done.
void check_guard(planner::EndState& state, sql::Connection& connection) {
  bool told = false;
  for (const std::string& probe : state.done) {
    told = told || !connection.execute(probe).boolean(0, 0);
  }
  if (!told) state.done.clear();
}

}  // namespace

int export_alembic_command(const CommandLine& line, CommandContext& context) {
  planner::JobSpec spec = planner::read_migration_file(line.config);
  // The revision's few rows may fire every trigger.
  spec.run.user_triggers = planner::UserTriggers::kFire;
  context.dsn = choose_dsn(line, spec);
  sql::Connection connection = engine::connect(context.dsn, spec.schema, context.console.sink());
  report_findings(planner::check_server(connection.server_version()), context.console);
  std::optional<planner::Plan> plan = stored_plan(spec, connection, context.console);
  const bool is_new = !plan;
  if (is_new) plan = new_plan(spec, connection, context.console).plan;
  const sql::Catalog catalog = sql::read_catalog(connection);
  planner::EndState state = planner::end_state(*plan, spec, catalog);
  if (is_new) check_guard(state, connection);
  if (state.upgrade.empty()) {
    throw engine::Refused(
        "there is nothing to export: this database is as the migration file asks for, and holds no "
        "ledger of how it came there; give --dsn one from before the job");
  }
  const std::string text = planner::alembic_revision(
      {line.revision, line.down_revision, std::filesystem::path(line.config).filename()}, state);
  if (line.output.empty()) {
    context.out << text;
    return kExitDone;
  }
  return write_new_file(line.output, text,
                        "try it on a clean database: alembic upgrade " + line.revision,
                        context.console);
}

}  // namespace pgbackfill::tools
