#include "engine/sampling.hpp"

#include "sql/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace pgbackfill::engine {
namespace {

constexpr double kSampleRows = 5000;

/// TABLESAMPLE takes whole pages: twice as many rows as are wanted, of which LIMIT takes the first.
double sample_percent(const planner::TableBackfill& backfill) {
  return std::min(100.0, 200.0 * kSampleRows / std::max(backfill.estimated_rows, 1.0));
}

std::optional<planner::SampleRates> sample(const planner::TableBackfill& backfill,
                                           sql::Connection& connection) {
  const sql::Transaction undone(connection);
  connection.execute(
      fmt::format("CREATE TEMPORARY TABLE pgbackfill_sample (LIKE {} INCLUDING "
                  "INDEXES INCLUDING STORAGE)",
                  backfill.table.quoted()));
  connection.execute(
      fmt::format("INSERT INTO pg_temp.pgbackfill_sample SELECT * FROM {} "
                  "TABLESAMPLE SYSTEM ({}) LIMIT {:.0f}",
                  backfill.table.quoted(), sample_percent(backfill), kSampleRows));
  const sql::Result size = connection.execute(
      "SELECT count(*), pg_indexes_size('pg_temp.pgbackfill_sample') FROM "
      "pg_temp.pgbackfill_sample");
  planner::SampleRates rates;
  rates.rows = size.integer(0, 0);
  if (rates.rows == 0) return std::nullopt;
  const auto rows = static_cast<double>(rates.rows);
  rates.index_bytes_per_row = static_cast<double>(size.integer(0, 1)) / rows;
  connection.execute("ALTER TABLE pg_temp.pgbackfill_sample ADD COLUMN pgbackfill_value uuid");
  const auto begun = std::chrono::steady_clock::now();
  connection.execute(
      "UPDATE pg_temp.pgbackfill_sample "
      "SET pgbackfill_value = '00000000-0000-0000-0000-000000000000'");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  rates.seconds_per_row = took.count() / rows;
  return rates;
}

}  // namespace

planner::Samples sample_tables(const planner::Plan& plan, sql::Connection& connection) {
  planner::Samples samples;
  for (const planner::Step& step : plan.steps) {
    if (!step.backfill || step.backfill->method == planner::Method::kCatalog) continue;
    try {
      if (const auto rates = sample(*step.backfill, connection))
        samples.emplace(step.table, *rates);
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
    }
  }
  return samples;
}

}  // namespace pgbackfill::engine
