#include "bench/measure.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>
#include <utility>

namespace pgbackfill::bench {
namespace {

constexpr auto kStatisticsPatience = std::chrono::seconds(3);
constexpr auto kCountInterval = std::chrono::milliseconds(200);

constexpr std::array kFigures = {
    &Measurement::seconds,     &Measurement::rows_per_second,    &Measurement::hot_ratio,
    &Measurement::heap_growth, &Measurement::index_growth,       &Measurement::wal_megabytes,
    &Measurement::cpu_seconds, &Measurement::peak_rss_megabytes, &Measurement::connections,
};

double quotient(std::int64_t after, std::int64_t before) {
  return before == 0 ? 1.0 : static_cast<double>(after) / static_cast<double>(before);
}

sql::Connection open_counter(const std::string& dsn) {
  sql::ConnectOptions options;
  options.dsn = dsn;
  options.application_name = "bench connection counter";
  return sql::Connection(std::move(options));
}

}  // namespace

Measurement median(const std::vector<Measurement>& runs) {
  Measurement result;
  for (const auto figure : kFigures) {
    std::vector<double> values;
    for (const Measurement& run : runs) values.push_back(run.*figure);
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    result.*figure = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  }
  return result;
}

TableState read_state(sql::Connection& session, std::string_view table,
                      std::int64_t expected_updates) {
  const auto deadline = std::chrono::steady_clock::now() + kStatisticsPatience;
  for (;;) {
    const sql::Result row = session.execute(
        "SELECT pg_relation_size($1::regclass), pg_indexes_size($1::regclass),"
        " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,"
        " coalesce(pg_stat_get_tuples_updated($1::regclass), 0),"
        " coalesce(pg_stat_get_tuples_hot_updated($1::regclass), 0)",
        {std::string(table)});
    const TableState state{row.integer(0, 0), row.integer(0, 1), row.integer(0, 2),
                           row.integer(0, 3), row.integer(0, 4)};
    if (state.updated >= expected_updates || std::chrono::steady_clock::now() > deadline) {
      return state;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void add_difference(const TableState& before, const TableState& after, Measurement& measurement) {
  const std::int64_t updated = after.updated - before.updated;
  measurement.hot_ratio =
      updated > 0 ? quotient(after.updated_hot - before.updated_hot, updated) : 0;
  measurement.heap_growth = quotient(after.heap_bytes, before.heap_bytes);
  measurement.index_growth = quotient(after.index_bytes, before.index_bytes);
  measurement.wal_megabytes =
      static_cast<double>(after.wal_position - before.wal_position) / (1 << 20);
}

ConnectionCounter::ConnectionCounter(const std::string& dsn, std::string database)
    : session_(open_counter(dsn)), database_(std::move(database)), thread_([this] { watch(); }) {}

ConnectionCounter::~ConnectionCounter() {
  ending_ = true;
  thread_.join();
}

void ConnectionCounter::watch() try {
  while (!ending_) {
    const sql::Result row = session_.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND"
        " backend_type = 'client backend'",
        {database_});
    most_ = std::max(most_.load(), static_cast<int>(row.integer(0, 0)));
    std::this_thread::sleep_for(kCountInterval);
  }
} catch (const std::exception&) {
  // A missing figure must not end the comparison.
}

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void reset_own_peak_rss() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::int64_t own_peak_rss_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::atoll(line.c_str() + 6) * 1024;
  }
  return 0;
}

}  // namespace pgbackfill::bench
