#include "bench/rivals.hpp"

#include "bench/measure.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>

#include <exception>
#include <stdexcept>

namespace pgbackfill::bench {
namespace {

std::string batch_sql(const Cell& cell) {
  return fmt::format(
      "WITH batch AS MATERIALIZED (SELECT booking_id FROM bookings"
      " WHERE booking_id > $1::{0} AND booking_id <= $2::{0} ORDER BY booking_id LIMIT {1}),"
      " changed AS (UPDATE bookings AS b SET org_id = t.org_id FROM batch, team_orgs AS t"
      " WHERE b.booking_id = batch.booking_id AND t.team_id = b.team_id RETURNING 1)"
      " SELECT (SELECT booking_id FROM batch ORDER BY booking_id DESC LIMIT 1),"
      " (SELECT count(*) FROM changed)",
      key_sql_type(cell.key), kRivalBatchRows);
}

/// Keys > `after` and <= `until`. Returns the rows changed.
std::int64_t update_share(const Database& database, const Cell& cell, std::string after,
                          const std::string& until) {
  sql::Connection session = database.connect();
  session.execute("SET synchronous_commit = off");
  const std::string statement = batch_sql(cell);
  std::int64_t changed = 0;
  for (;;) {
    const sql::Result row = session.execute(statement, {after, until});
    if (row.is_null(0, 0)) return changed;
    after = std::string(row.text(0, 0));
    changed += row.integer(0, 1);
  }
}

struct Share {
  std::int64_t changed = 0;
  double cpu_seconds = 0;
  std::exception_ptr failure;
};

}  // namespace

void add_tenant_column(const Database& database) {
  database.connect().execute("ALTER TABLE bookings ADD COLUMN org_id uuid");
}

double run_one_update(const Database& database) {
  const double before = thread_cpu_seconds();
  database.connect().execute(
      "UPDATE bookings AS b SET org_id = t.org_id FROM team_orgs AS t WHERE t.team_id = b.team_id");
  return thread_cpu_seconds() - before;
}

double run_keyset(const Database& database, const Cell& cell, int connections) {
  std::vector<Share> shares(static_cast<std::size_t>(connections));
  boost::thread_group threads;
  for (int i = 0; i < connections; ++i) {
    Share& share = shares[static_cast<std::size_t>(i)];
    threads.create_thread([&database, &cell, &share, i, connections] {
      try {
        const std::string after =
            i == 0 ? key_before_first(cell.key) : key_at(cell, i, connections);
        share.changed = update_share(database, cell, after, key_at(cell, i + 1, connections));
        share.cpu_seconds = thread_cpu_seconds();
      } catch (...) {
        share.failure = std::current_exception();
      }
    });
  }
  threads.join_all();
  Share all;
  for (const Share& share : shares) {
    if (share.failure) std::rethrow_exception(share.failure);
    all.changed += share.changed;
    all.cpu_seconds += share.cpu_seconds;
  }
  if (all.changed != cell.rows) {
    throw std::runtime_error(
        fmt::format("the keyset rival changed {} of {} rows", all.changed, cell.rows));
  }
  return all.cpu_seconds;
}

}  // namespace pgbackfill::bench
