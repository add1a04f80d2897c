#include "engine/engine.hpp"
#include "planner/init/proposal.hpp"
#include "sql/catalog.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace pgbackfill::tools {
namespace {

/// A file of the operator's is never overwritten.
int write_new_file(const std::string& path, const std::string& text, Console& console) {
  if (std::filesystem::exists(path)) {
    console.line(fmt::format("pgbackfill: {} exists; give -o another name, or remove it", path));
    return kExitUsage;
  }
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) {
    console.line(fmt::format("pgbackfill: cannot write {}: {}", path, std::strerror(errno)));
    return kExitFailed;
  }
  console.line(fmt::format("wrote {}; look through it, then: pgbackfill plan -c {}", path, path));
  return kExitDone;
}

}  // namespace

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
  if (!line.output.empty()) return write_new_file(line.output, text, context.console);
  context.out << text;
  return kExitDone;
}

}  // namespace pgbackfill::tools
