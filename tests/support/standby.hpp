#pragma once

#include "sql/connection.hpp"
#include "tests/support/temp_cluster.hpp"

#include <boost/thread/thread.hpp>

#include <memory>

namespace pgbackfill::test {

/// A hot standby named "standby" that streams from the tests' shared server, which is restarted
/// for it.
class Standby {
 public:
  Standby() : cluster_(TempCluster::standby_of(TempCluster::shared())) {}

  TempCluster& cluster() { return *cluster_; }
  sql::Connection connect() const {
    sql::ConnectOptions options;
    options.dsn = cluster_->dsn();
    return sql::Connection(options);
  }
  /// Returns once it receives nothing more: what is committed from then on never comes to it.
  void cut_off() {
    auto connection = connect();
    connection.execute("ALTER SYSTEM SET primary_conninfo = ''");
    connection.execute("SELECT pg_reload_conf()");
    while (connection.execute("SELECT count(*) FROM pg_stat_wal_receiver").integer(0, 0) > 0) {
      boost::this_thread::sleep_for(boost::chrono::milliseconds(2));
    }
  }
  /// Returns once it has replayed all that `primary` had written. REQUIRES: nobody writes.
  static void wait_until_replayed(sql::Connection& primary) {
    while (primary
               .execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' "
                        "AND replay_lsn = pg_current_wal_lsn()")
               .integer(0, 0) == 0) {
      boost::this_thread::sleep_for(boost::chrono::milliseconds(2));
    }
  }

 private:
  std::unique_ptr<TempCluster> cluster_;
};

}  // namespace pgbackfill::test
