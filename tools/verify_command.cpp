#include "engine/engine.hpp"
#include "engine/verify/isolation.hpp"
#include "engine/verify/verifier.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/verify_report.hpp"

namespace pgbackfill::tools {

int verify_command(const CommandLine& line, CommandContext& context) {
  const planner::JobSpec spec = planner::read_migration_file(line.config);
  context.dsn = choose_dsn(line, spec);
  sql::Connection connection = engine::connect(context.dsn, spec.schema, context.console.sink());
  engine::VerifyReport report = engine::verify(spec, connection);
  if (line.isolation) engine::verify_isolation(spec, connection, report);
  if (line.format == "json") {
    context.out << verify_json(report);
  } else {
    context.out << (line.format == "junit" ? verify_junit(report) : verify_text(report));
  }
  return report.passed() ? kExitDone : kExitDifferent;
}

}  // namespace pgbackfill::tools
