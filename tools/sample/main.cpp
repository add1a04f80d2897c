#include "sql/connection.hpp"
#include "sql/error.hpp"
#include "tools/sample/loader.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

namespace {

using pgbackfill::tools::LoadOptions;
using pgbackfill::tools::LoadSummary;

void add_options(CLI::App& app, LoadOptions& load, std::string& dsn) {
  app.add_option("--dsn", dsn, "Connection string or URI of an empty database (default: PG*)");
  app.add_option("--scale", load.sample.scale, "1 is about 200 000 rows over all tables")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", load.sample.seed, "Equal seeds give equal rows")->capture_default_str();
  app.add_option("--organizations", load.sample.organizations, "Organizations of three teams each")
      ->check(CLI::Range(1, 99))
      ->capture_default_str();
  app.add_option("--large-rows", load.sample.large_rows,
                 "Rows of each of the nine large tables, instead of what the scale gives")
      ->check(CLI::Range(1, 2'000'000'000));
  app.add_option("--tables", load.tables, "Fill only these and what they refer to")->delimiter(',');
  app.add_flag("--text-organizations", load.text_organizations,
               "Identify organizations by a varchar(36) instead of a uuid");
  app.add_flag("--schema-only", load.schema_only, "Create the tables and leave them empty");
}

int run(const LoadOptions& load, const std::string& dsn) {
  const auto started = std::chrono::steady_clock::now();
  pgbackfill::sql::ConnectOptions connect;
  connect.dsn = dsn;
  connect.application_name = "pgbackfill_sample";
  connect.settings = {{"client_min_messages", "warning"}, {"maintenance_work_mem", "256MB"}};
  pgbackfill::sql::Connection connection(connect);
  const LoadSummary summary = pgbackfill::tools::load_sample(connection, load);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  fmt::print("{} tables, {} rows, {:.1f} s\n", summary.tables, summary.rows, took.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Creates the sample database: thirty core tables, their neighbours, any size"};
  LoadOptions load;
  load.on_progress = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  std::string dsn;
  add_options(app, load, dsn);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return run(load, dsn);
  } catch (const pgbackfill::sql::Error& error) {
    const bool exists = error.sqlstate() == "42P07" || error.sqlstate() == "42710";
    fmt::print(stderr, "pgbackfill_sample: {}{}\n", error.what(),
               exists ? "\nThe database holds a sample already: give it an empty one." : "");
    return 1;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "pgbackfill_sample: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "pgbackfill_sample: {}\n", error.what());
    return 1;
  }
}
