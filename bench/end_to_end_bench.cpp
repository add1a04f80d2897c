/// Fills the same table in every way there is, side by side on a server of its own, and says what
/// each cost.
#include "bench/child_process.hpp"
#include "bench/contestants.hpp"
#include "bench/environment.hpp"
#include "bench/grid.hpp"
#include "bench/report.hpp"
#include "bench/text_file.hpp"
#include "bench/workload.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace pgbackfill::bench {
namespace {

struct Options {
  std::vector<std::int64_t> rows = {1'000'000};
  std::vector<std::string> keys = {"bigint"};
  std::vector<int> indexes = {8};
  std::vector<int> fillfactors = {100};
  std::vector<std::string> widths = {"normal"};
  std::vector<std::string> methods = contestant_names();
  int connections = 2;
  int repeat = 1;
  std::string max_wal_size = "8GB";
  std::string shared_buffers;
  bool fsync = false;
  bool autovacuum = false;
  bool grid = false;
  std::string json;
  std::string svg;
  std::string pgbackfill = PGBACKFILL_EXECUTABLE;
  std::string extra_arguments;
};

void add_options(CLI::App& app, Options& options) {
  const auto list = [&app](const char* name, auto& target, const char* description) {
    return app.add_option(name, target, description)->delimiter(',')->capture_default_str();
  };
  list("--rows", options.rows, "rows of the table")->check(CLI::Range(1'000, 1'000'000'000));
  list("--keys", options.keys, "bigint (sequential), uuid, varchar (random)");
  list("--indexes", options.indexes, "secondary indexes")->check(CLI::Range(0, 8));
  list("--fillfactors", options.fillfactors, "fillfactor")->check(CLI::Range(10, 100));
  list("--widths", options.widths, "rows: narrow, normal, wide, toasted");
  list("--methods", options.methods, "who takes part");
  app.add_option("--connections", options.connections, "of the rival, and our --workers")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--repeat", options.repeat, "runs of each, of which the median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--max-wal-size", options.max_wal_size, "small: checkpoints come while it runs")
      ->capture_default_str();
  app.add_option("--shared-buffers", options.shared_buffers,
                 "small: the table does not fit (default: a quarter of the memory, 2GB at most)");
  app.add_flag("--fsync", options.fsync, "the server waits for the disk");
  app.add_flag("--autovacuum", options.autovacuum, "the server vacuums as it likes");
  app.add_flag(
      "--grid", options.grid,
      "keyset against auto over keys, indexes, sizes and fillfactors, three runs each; the "
      "options above narrow it down");
  app.add_option("--json", options.json, "file for every figure");
  app.add_option("--svg", options.svg, "file for a heat map of the grid")->needs("--grid");
  app.add_option("--pgbackfill", options.pgbackfill, "the program to measure")
      ->check(CLI::ExistingFile)
      ->capture_default_str();
  app.add_option("--workers-extra-args", options.extra_arguments,
                 "more arguments of our timed run, separated by spaces");
}

/// What of a grid was not narrowed down.
void complete_grid(const CLI::App& app, Options& options) {
  const auto otherwise = [&app](const char* name, auto& target, auto value) {
    if (app.count(name) == 0) target = std::move(value);
  };
  otherwise("--rows", options.rows, std::vector<std::int64_t>{10'000, 100'000, 1'000'000});
  otherwise("--keys", options.keys, std::vector<std::string>{"bigint", "uuid", "varchar"});
  otherwise("--indexes", options.indexes, std::vector{0, 1, 3, 8});
  otherwise("--fillfactors", options.fillfactors, std::vector{100, 90});
  otherwise("--methods", options.methods, std::vector<std::string>{"keyset", "auto"});
  otherwise("--repeat", options.repeat, 3);
}

test::TempCluster::Settings settings(const Options& options) {
  const std::int64_t buffers = std::min<std::int64_t>(2048, memory_bytes() / 4 / (1 << 20));
  return {
      {"shared_buffers",
       options.shared_buffers.empty() ? fmt::format("{}MB", buffers) : options.shared_buffers},
      {"max_wal_size", options.max_wal_size},
      // Segments are kept for reuse, so that nobody pays for making new ones.
      {"min_wal_size", options.max_wal_size},
      {"checkpoint_timeout", "30min"},
      {"wal_level", "replica"},
      {"fsync", options.fsync ? "on" : "off"},
      {"full_page_writes", "on"},
      {"autovacuum", options.autovacuum ? "on" : "off"},
      // All is cached: the default would talk the planner into hash joins over the whole table.
      {"random_page_cost", "1.1"},
  };
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  return result;
}

std::vector<Cell> cells(const Options& options) {
  std::vector<Cell> result;
  for (const std::int64_t rows : options.rows) {
    for (const std::string& key : options.keys) {
      for (const int indexes : options.indexes) {
        for (const std::string& width : options.widths) {
          for (const int fillfactor : options.fillfactors) {
            result.push_back(
                {rows, parse_key_type(key), indexes, fillfactor, parse_row_width(width)});
          }
        }
      }
    }
  }
  return result;
}

/// One table for all contestants; the ceiling gets one of its own with room on every page.
CellReport run_cell(const Arena& arena, const Cell& cell, const Options& options) {
  const auto build = [&arena](const Cell& wanted) {
    fmt::print(stderr, "building {}\n", describe(wanted));
    return Database::build(*arena.cluster, wanted);
  };
  const Database source = build(cell);
  CellReport report;
  report.cell = cell;
  {
    sql::Connection session = source.connect();
    const TableState state = read_state(session, "bookings", 0);
    report.heap_bytes = state.heap_bytes;
    report.index_bytes = state.index_bytes;
    report.rows_per_page =
        static_cast<double>(cell.rows) / (static_cast<double>(state.heap_bytes) / 8192);
  }
  std::optional<Database> own;
  for (const std::string& name : options.methods) {
    Entry entry{parse_contestant(name), cell, {}};
    if (entry.contestant == Contestant::kCeiling) {
      entry.cell.fillfactor = kRoomyFillfactor;
      own.emplace(build(entry.cell));
    }
    report.entries.push_back(std::move(entry));
  }
  // In turn, so that a machine that slows down does so for all.
  for (int run = 1; run <= options.repeat; ++run) {
    for (Entry& entry : report.entries) {
      const bool roomy = entry.contestant == Contestant::kCeiling;
      entry.runs.push_back(
          run_contestant(arena, roomy ? *own : source, entry.cell, entry.contestant));
      const Measurement& figures = entry.runs.back();
      fmt::print(stderr, "  {} {}/{}: {:.0f} rows/s, HOT {:.2f}, WAL {:.0f} MB\n",
                 to_string(entry.contestant), run, options.repeat, figures.rows_per_second,
                 figures.hot_ratio, figures.wal_megabytes);
    }
  }
  return report;
}

void run(const Options& options) {
  const std::vector<Cell> todo = cells(options);
  for (const std::string& name : options.methods) parse_contestant(name);
  const test::TempCluster cluster(settings(options));
  // Goes with the cluster's directory, however this process ends.
  const std::filesystem::path directory = cluster.directory() / "bench";
  std::filesystem::create_directory(directory);
  write_migration_files(directory);
  const Arena arena{&cluster, directory, options.pgbackfill, words(options.extra_arguments),
                    options.connections};

  sql::Connection session = open(cluster);
  const Environment environment = describe_environment(session);
  const std::vector<std::string> warnings = environment_warnings(session);
  fmt::print("{}", to_text(environment));
  fmt::print("{:<20}{}\n", "connections", options.connections);
  for (const std::string& warning : warnings) fmt::print("warning: {}\n", warning);
  fmt::print(
      "\nkeyset is the rival: batches of 5000 by primary key, synchronous_commit off, each "
      "connection its own keys.\nours are whole processes of pgbackfill; medians of {}.\n",
      options.repeat);
  std::vector<CellReport> reports;
  if (options.grid) fmt::print("\n{}", grid_header());
  for (const Cell& cell : todo) {
    reports.push_back(run_cell(arena, cell, options));
    fmt::print("{}", options.grid ? grid_line(reports.back()) : "\n" + to_text(reports.back()));
    std::fflush(stdout);
    if (!options.json.empty()) write_json(options.json, environment, warnings, reports);
    if (!options.svg.empty()) write_file(options.svg, to_svg(grid_heat_map(reports)));
  }
  if (options.grid) fmt::print("\n{}", grid_summary(reports));
}

}  // namespace
}  // namespace pgbackfill::bench

int main(int argc, char** argv) try {
  using namespace pgbackfill::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app("Compares the ways to fill a column of a large table.", "end_to_end_bench");
  Options options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.grid) complete_grid(app, options);
  handle_interrupts(OnInterrupt::kDie);
  run(options);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "end_to_end_bench: {}\n", error.what());
  return 1;
}
