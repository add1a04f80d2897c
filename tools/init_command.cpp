#include "engine/engine.hpp"
#include "planner/init/proposal.hpp"
#include "sql/catalog.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/new_file.hpp"

#include <fmt/format.h>

namespace pgbackfill::tools {
int init_command(const CommandLine& line, CommandContext& context) {
  context.dsn = line.dsn.value_or("");
  sql::Connection connection =
      engine::connect(context.dsn, line.init.schema, context.console.sink());
  std::string text;
  try {
    const sql::Catalog catalog = sql::read_catalog(connection);
    text = planner::migration_file_text(planner::propose(line.init, catalog, connection));
  } catch (const planner::InitError& error) {
    context.console.line(fmt::format("pgbackfill: {}", error.what()));
    return kExitUsage;
  }
  if (!line.output.empty()) {
    return write_new_file(line.output, text,
                          fmt::format("look through it, then: pgbackfill plan -c {}", line.output),
                          context.console);
  }
  context.out << text;
  return kExitDone;
}

}  // namespace pgbackfill::tools
