#include "engine/engine.hpp"
#include "planner/file/migration_file.hpp"
#include "tools/cli.hpp"
#include "tools/commands.hpp"
#include "tools/report_page/report_page.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace pgbackfill::tools {
namespace {

/// Nothing is there, or an earlier report.
bool may_write(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return true;
  if (!std::filesystem::is_regular_file(status)) return false;
  std::ifstream file(path);
  std::string line(kPageMark.size(), '\0');
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  return file && line == kPageMark;
}

}  // namespace

int report_command(const CommandLine& line, CommandContext& context) {
  planner::JobSpec spec;
  if (!line.config.empty()) spec = planner::read_migration_file(line.config);
  if (!may_write(line.output)) {
    context.console.line(
        fmt::format("pgbackfill: {} is there and is not a report of pgbackfill; give -o another "
                    "name, or remove it",
                    line.output));
    return kExitUsage;
  }
  context.dsn = choose_dsn(line, spec);
  sql::Connection connection = engine::connect(context.dsn, spec.schema, context.console.sink());
  ReportData data = read_report_data(connection);
  if (!line.config.empty()) {
    data.verify = engine::verify(spec, connection);
    data.other_file =
        planner::fingerprint(planner::canonical_lines(spec)) != data.state.job.fingerprint;
  }
  errno = 0;
  std::ofstream file(line.output);
  file << report_page(data);
  file.close();
  if (!file) {
    context.console.line(
        fmt::format("pgbackfill: cannot write {}: {}", line.output, std::strerror(errno)));
    return kExitFailed;
  }
  context.console.line(fmt::format("wrote {}", line.output));
  return kExitDone;
}

}  // namespace pgbackfill::tools
