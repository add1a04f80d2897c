#include "bench/contestants.hpp"

#include "bench/child_process.hpp"
#include "bench/rivals.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace pgbackfill::bench {
namespace {

constexpr double kMegabyte = 1 << 20;

constexpr std::array<std::pair<Contestant, std::string_view>, 7> kNames{{
    {Contestant::kOneUpdate, "one-update"},
    {Contestant::kKeyset, "keyset"},
    {Contestant::kAuto, "auto"},
    {Contestant::kUpdate, "update"},
    {Contestant::kCopy, "copy"},
    {Contestant::kCatalog, "catalog"},
    {Contestant::kCeiling, "ceiling"},
}};

/// A contestant on one database: what it does before the clock starts and while it runs.
struct Attempt {
  std::function<void()> prepare;
  std::function<void(Measurement&)> run;
};

Attempt rival(std::function<double()> work, const Database& database) {
  return {[&database] { add_tenant_column(database); },
          [work = std::move(work)](Measurement& measurement) {
            reset_own_peak_rss();
            const auto begin = std::chrono::steady_clock::now();
            measurement.cpu_seconds = work();
            measurement.seconds =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            measurement.peak_rss_megabytes = static_cast<double>(own_peak_rss_bytes()) / kMegabyte;
          }};
}

std::vector<std::string> command(const Arena& arena, const Database& database,
                                 Contestant contestant, std::string_view until) {
  const bool constant = contestant == Contestant::kCatalog;
  std::vector<std::string> arguments = {
      "run",
      "-c",
      (arena.directory / (constant ? "constant.toml" : "by-team.toml")).string(),
      "--dsn",
      database.dsn(),
      "--until",
      std::string(until)};
  if (contestant == Contestant::kCatalog) return arguments;
  const std::string method = contestant == Contestant::kAuto     ? "auto"
                             : contestant == Contestant::kUpdate ? "update"
                                                                 : "copy";
  arguments.insert(arguments.end(),
                   {"--method", method, "--workers", std::to_string(arena.connections)});
  if (contestant == Contestant::kCeiling) arguments.insert(arguments.end(), {"--passes", "1"});
  arguments.insert(arguments.end(), arena.extra_arguments.begin(), arena.extra_arguments.end());
  return arguments;
}

Attempt ours(const Arena& arena, const Database& database, Contestant contestant) {
  return {[&arena, &database, contestant] {
            // The constant's whole work is to add the column.
            if (contestant == Contestant::kCatalog) return;
            run_child(arena.pgbackfill, command(arena, database, contestant, "expand"));
          },
          [&arena, &database, contestant](Measurement& measurement) {
            const ChildSpent spent =
                run_child(arena.pgbackfill, command(arena, database, contestant, "backfill"));
            measurement.seconds = spent.seconds;
            measurement.cpu_seconds = spent.cpu_seconds;
            measurement.peak_rss_megabytes = static_cast<double>(spent.peak_rss_bytes) / kMegabyte;
          }};
}

Attempt attempt(const Arena& arena, const Database& database, const Cell& cell,
                Contestant contestant) {
  switch (contestant) {
    case Contestant::kOneUpdate:
      return rival([&database] { return run_one_update(database); }, database);
    case Contestant::kKeyset:
      return rival(
          [&arena, &database, &cell] { return run_keyset(database, cell, arena.connections); },
          database);
    default:
      return ours(arena, database, contestant);
  }
}

/// Throws unless every row has the value it should have.
void check(sql::Connection& session, const Cell& cell, Contestant contestant) {
  const std::string expected = contestant == Contestant::kCatalog
                                   ? fmt::format("'{}'::uuid", kConstantOrg)
                                   : std::string("t.org_id");
  const sql::Result row =
      session.execute(fmt::format("SELECT count(*), count(*) FILTER (WHERE b.org_id IS NULL),"
                                  " count(*) FILTER (WHERE b.org_id IS DISTINCT FROM {})"
                                  " FROM bookings AS b LEFT JOIN team_orgs AS t USING (team_id)",
                                  expected));
  if (row.integer(0, 0) == cell.rows && row.integer(0, 2) == 0) return;
  throw std::runtime_error(fmt::format(
      "{} is wrong on {}: {} of {} rows are there, {} have no org_id, {} a wrong one or none",
      to_string(contestant), describe(cell), row.integer(0, 0), cell.rows, row.integer(0, 1),
      row.integer(0, 2)));
}

}  // namespace

std::string_view to_string(Contestant contestant) {
  for (const auto& [candidate, name] : kNames) {
    if (candidate == contestant) return name;
  }
  throw std::logic_error("a contestant without a name");
}

Contestant parse_contestant(std::string_view text) {
  for (const auto& [contestant, name] : kNames) {
    if (name == text) return contestant;
  }
  throw std::invalid_argument(
      fmt::format("'{}' is none of {}", text, fmt::join(contestant_names(), ", ")));
}

std::vector<std::string> contestant_names() {
  std::vector<std::string> names;
  for (const auto& entry : kNames) names.emplace_back(entry.second);
  return names;
}

Measurement run_contestant(const Arena& arena, const Database& source, const Cell& cell,
                           Contestant contestant) {
  const Database database = Database::copy_of(source);
  const Attempt work = attempt(arena, database, cell, contestant);
  work.prepare();
  sql::Connection session = database.connect();
  session.execute("CHECKPOINT");
  // What others and the copying left to write must not be written on the contestant's time.
  ::sync();
  const TableState before = read_state(session, "bookings", 0);
  Measurement measurement;
  {
    const ConnectionCounter counter(arena.cluster->dsn(), database.name());
    work.run(measurement);
    // Ours stays connected for the figures before and after, idle and without a snapshot.
    measurement.connections = counter.most() - 1;
  }
  measurement.rows_per_second = static_cast<double>(cell.rows) / measurement.seconds;
  const std::int64_t rewritten = contestant == Contestant::kCatalog ? 0 : cell.rows;
  add_difference(before, read_state(session, "bookings", before.updated + rewritten), measurement);
  check(session, cell, contestant);
  return measurement;
}

}  // namespace pgbackfill::bench
