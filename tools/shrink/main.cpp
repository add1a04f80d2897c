#include "tools/shrink/shrink.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <stdexcept>

int main(int argc, char** argv) {
  CLI::App app{"Copies a small part of a database, whole by its foreign keys, into an empty one"};
  pgbackfill::tools::ShrinkOptions options;
  options.on_progress = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  app.add_option("--from", options.from, "Connection string of the large database; only read")
      ->required();
  app.add_option("--to", options.to, "Connection string of an empty one")->required();
  CLI::Option* share = app.add_option("--share", options.size.share, "Share of the roots' rows")
                           ->check(CLI::Range(1e-9, 1.0))
                           ->capture_default_str();
  app.add_option("--rows", options.size.rows, "Rows of each root, instead of a share")
      ->check(CLI::Range(1, 2'000'000'000))
      ->excludes(share);
  app.add_option("--root", options.roots,
                 "Tables whose rows are drawn, by default those that refer to no other; as many as "
                 "are given");
  app.add_option("--seed", options.size.seed, "Equal seeds give equal rows")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    fmt::print("{} rows\n", pgbackfill::tools::shrink(options));
    return 0;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "pgbackfill_shrink: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "pgbackfill_shrink: {}\n", error.what());
    return 1;
  }
}
