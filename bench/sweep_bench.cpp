/// Measures batch size × workers × passes on copies of a database, for whoever tunes their own.
#include "bench/child_process.hpp"
#include "bench/environment.hpp"
#include "bench/heat_map.hpp"
#include "bench/sweep_database.hpp"
#include "bench/text_file.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <optional>
#include <stdexcept>

namespace pgbackfill::bench {
namespace {

constexpr int kExitInterrupted = 130;

struct Options {
  std::string dsn;
  std::string config;
  std::string table;
  std::vector<int> workers = {1, 2, 4};
  std::vector<int> batch_rows = {0, 200, 500, 1000, 2000, 5000};
  std::vector<int> passes = {0, 1, 4, 8, 12};
  std::string method = "copy";
  std::string order = "auto";
  int repeat = 1;
  std::string csv = "sweep.csv";
  std::string svg = "sweep.svg";
  std::string pgbackfill = PGBACKFILL_EXECUTABLE;
};

struct Point {
  int workers = 0;
  int batch_rows = 0;
  int passes = 0;
  Measurement figures;
};

void add_options(CLI::App& app, Options& options) {
  const auto list = [&app](const char* name, std::vector<int>& target, const char* description) {
    return app.add_option(name, target, description)->delimiter(',')->capture_default_str();
  };
  app.add_option("--dsn", options.dsn, "database to copy; it is left as it is")->required();
  app.add_option("-c,--config", options.config, "migration file (TOML)")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--table", options.table,
                 "time this table's backfill alone, as the ledger names it; else the whole stage");
  list("--workers", options.workers, "writer connections")->check(CLI::Range(1, 256));
  list("--batch-rows", options.batch_rows, "rows of a batch; 0: adapts (windows follow from it)")
      ->check(CLI::NonNegativeNumber);
  list("--passes", options.passes, "passes over a window; 0: chosen per table")
      ->check(CLI::Range(0, 256));
  app.add_option("--method", options.method, "how rows get their value")
      ->check(CLI::IsMember({"copy", "update"}))
      ->capture_default_str();
  app.add_option("--order", options.order, "how tables are read")
      ->check(CLI::IsMember({"auto", "block", "key"}))
      ->capture_default_str();
  app.add_option("--repeat", options.repeat, "runs of each, of which the median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--csv", options.csv, "file for the figures")->capture_default_str();
  app.add_option("--svg", options.svg, "file for the picture")->capture_default_str();
  app.add_option("--pgbackfill", options.pgbackfill, "the program to measure")
      ->check(CLI::ExistingFile)
      ->capture_default_str();
}

std::string or_auto(int value) { return value == 0 ? "auto" : std::to_string(value); }

std::vector<std::string> command(const Options& options, const Point& point, const std::string& dsn,
                                 std::string_view until) {
  return {"run",
          "-c",
          options.config,
          "--dsn",
          dsn,
          "--until",
          std::string(until),
          "--method",
          options.method,
          "--order",
          options.order,
          "--workers",
          std::to_string(point.workers),
          "--batch-rows",
          std::to_string(point.batch_rows),
          "--passes",
          std::to_string(point.passes)};
}

void checkpoint(sql::Connection& session) try {
  session.execute("CHECKPOINT");
} catch (const sql::Error& error) {
  // Not everybody may; the figures are only noisier without it.
  if (error.sqlstate() != "42501") throw;
}

Measurement measure(const SweepSource& source, const Options& options, const Point& point) {
  const SweepCopy copy(source);
  const std::string dsn = source.public_dsn(copy.name());
  run_child(options.pgbackfill, command(options, point, dsn, "expand"), source.environment());
  sql::Connection session = source.connect(copy.name());
  checkpoint(session);
  const TableState before = read_states(session, options.table, 0);
  const ChildSpent spent =
      run_child(options.pgbackfill, command(options, point, dsn, "backfill"), source.environment());
  const BackfillRecord record = read_backfill(session, options.table);
  Measurement figures;
  figures.seconds = options.table.empty() ? spent.seconds : record.seconds;
  figures.rows_per_second = static_cast<double>(record.rows) / figures.seconds;
  figures.cpu_seconds = spent.cpu_seconds;
  figures.peak_rss_megabytes = static_cast<double>(spent.peak_rss_bytes) / (1 << 20);
  add_difference(before, read_states(session, options.table, before.updated + record.rows),
                 figures);
  return figures;
}

std::string header_line() {
  return fmt::format("{:>7}{:>9}{:>11}{:>11}{:>9}{:>6}{:>7}{:>9}{:>8}{:>8}{:>8}\n", "passes",
                     "workers", "batch rows", "rows/s", "seconds", "HOT", "heap", "indexes",
                     "WAL MB", "CPU s", "RSS MB");
}

std::string line(const Point& point) {
  const Measurement& figures = point.figures;
  return fmt::format(
      "{:>7}{:>9}{:>11}{:>11.0f}{:>9.2f}{:>6.2f}{:>7.2f}{:>9.2f}{:>8.0f}{:>8.2f}"
      "{:>8.0f}\n",
      or_auto(point.passes), point.workers, or_auto(point.batch_rows), figures.rows_per_second,
      figures.seconds, figures.hot_ratio, figures.heap_growth, figures.index_growth,
      figures.wal_megabytes, figures.cpu_seconds, figures.peak_rss_megabytes);
}

std::string to_csv(const std::vector<Point>& points) {
  std::string text =
      "passes,workers,batch_rows,rows_per_second,seconds,hot_ratio,heap_growth,index_growth,"
      "wal_megabytes,cpu_seconds,peak_rss_megabytes\n";
  for (const Point& point : points) {
    const Measurement& figures = point.figures;
    text +=
        fmt::format("{},{},{},{:.1f},{:.4f},{:.4f},{:.4f},{:.4f},{:.2f},{:.3f},{:.2f}\n",
                    point.passes, point.workers, point.batch_rows, figures.rows_per_second,
                    figures.seconds, figures.hot_ratio, figures.heap_growth, figures.index_growth,
                    figures.wal_megabytes, figures.cpu_seconds, figures.peak_rss_megabytes);
  }
  return text;
}

HeatMap heat_map(const Options& options, const std::string& database,
                 const std::vector<Point>& points) {
  HeatMap map;
  map.title = fmt::format("{}{}: rows/s by {}", database,
                          options.table.empty() ? "" : "." + options.table, options.method);
  map.value_name = "rows/s";
  map.column_name = "workers";
  map.row_name = "batch rows";
  for (const int workers : options.workers) map.columns.push_back(std::to_string(workers));
  for (const int rows : options.batch_rows) map.rows.push_back(or_auto(rows));
  for (const int passes : options.passes) {
    HeatMap::Panel panel{"passes: " + or_auto(passes), {}};
    for (const int rows : options.batch_rows) {
      auto& values = panel.values.emplace_back();
      for (const int workers : options.workers) {
        auto& value = values.emplace_back();
        for (const Point& point : points) {
          if (point.passes == passes && point.batch_rows == rows && point.workers == workers) {
            value = point.figures.rows_per_second;
          }
        }
      }
    }
    map.panels.push_back(std::move(panel));
  }
  return map;
}

std::vector<Point> grid(const Options& options) {
  std::vector<Point> points;
  for (const int passes : options.passes) {
    for (const int workers : options.workers) {
      for (const int rows : options.batch_rows) points.push_back({workers, rows, passes, {}});
    }
  }
  return points;
}

int run(const Options& options) {
  const SweepSource source(options.dsn);
  {
    sql::Connection session = source.maintenance();
    for (const auto& [name, value] : describe_environment(session)) {
      fmt::print("{:<20}{}\n", name, value);
    }
    for (const std::string& warning : environment_warnings(session)) {
      fmt::print("warning: {}\n", warning);
    }
  }
  fmt::print("\n{}", header_line());
  std::vector<Point> done;
  for (Point point : grid(options)) {
    std::vector<Measurement> runs;
    try {
      for (int i = 0; i < options.repeat && !interrupted(); ++i) {
        runs.push_back(measure(source, options, point));
      }
    } catch (const std::exception&) {
      // A child that was asked to end reports failure.
      if (!interrupted()) throw;
    }
    if (interrupted()) break;
    point.figures = median(runs);
    done.push_back(point);
    fmt::print("{}", line(point));
    std::fflush(stdout);
    write_file(options.csv, to_csv(done));
    write_file(options.svg, to_svg(heat_map(options, source.database(), done)));
  }
  return interrupted() ? kExitInterrupted : 0;
}

}  // namespace
}  // namespace pgbackfill::bench

int main(int argc, char** argv) try {
  using namespace pgbackfill::bench;  // NOLINT(google-build-using-namespace)
  CLI::App app("Measures batch size, workers and passes on copies of a database.", "sweep_bench");
  Options options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  handle_interrupts(OnInterrupt::kReturn);
  return run(options);
} catch (const std::exception& error) {
  fmt::print(stderr, "sweep_bench: {}\n", error.what());
  return 1;
}
