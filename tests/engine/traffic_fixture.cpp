#include "tests/engine/traffic_fixture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace pgbackfill::test {
namespace {

using Clock = std::chrono::steady_clock;

/// The first row of a table from a random key on, locked as a foreign key's check would.
std::string pick(std::string_view table, std::string_view key, int from, std::string_view lock) {
  return fmt::format("(SELECT {1} FROM {0} WHERE {1} >= {2} ORDER BY {1} LIMIT 1{3})", table, key,
                     from, lock);
}

/// The application that leaves it to the database to know a row's organization.
std::string old_statement(int kind, int from, int team, std::string_view org, bool mixed) {
  const std::string booking = pick("bookings", "booking_id", from, " FOR KEY SHARE");
  const std::string run = pick("runs", "run_id", from, " FOR KEY SHARE");
  if (kind < 15 || (kind < 25 && !mixed))
    return fmt::format("INSERT INTO bookings (team_id) VALUES ({})", team);
  if (kind < 25) {
    return fmt::format("INSERT INTO bookings (team_id, org_id) VALUES ({}, {})", team, org);
  }
  if (kind < 35) {
    return fmt::format("INSERT INTO runs (booking_id) SELECT booking_id FROM {} AS b", booking);
  }
  if (kind < 45) return fmt::format("INSERT INTO items (run_id) SELECT run_id FROM {} AS r", run);
  if (kind < 60) {
    return fmt::format("UPDATE bookings SET team_id = {} WHERE booking_id = {}", team,
                       pick("bookings", "booking_id", from, ""));
  }
  return fmt::format("UPDATE runs SET booking_id = coalesce({}, booking_id) WHERE run_id = {}",
                     booking, pick("runs", "run_id", from / 2, ""));
}

std::string common_statement(int kind, int from, Version version) {
  if (kind < 80) {
    const std::string_view role = from % 2 == 0 ? "admin" : "manager";
    return fmt::format("UPDATE users SET role = '{0}', wanted = '{0}' WHERE user_id = {1}", role,
                       pick("users", "user_id", from % 1000, ""));
  }
  if (kind < 83) {
    if (version != Version::kNew) return "INSERT INTO notes (body) VALUES ('new')";
    return "INSERT INTO notes (body, org_id) VALUES ('new', "
           "'00000000-0000-0000-0000-000000000001')";
  }
  if (kind < 86) {
    return "DELETE FROM items WHERE item_id = " + pick("items", "item_id", from, "");
  }
  if (kind < 88) {
    return "DELETE FROM bookings WHERE booking_id = " + pick("bookings", "booking_id", from, "");
  }
  if (kind < 99) {
    return fmt::format("UPDATE bookings SET note = note || '.' WHERE booking_id = {}",
                       pick("bookings", "booking_id", from, ""));
  }
  return "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM bookings; "
         "SELECT count(*) FROM items; COMMIT";
}

void move_booking(sql::Connection& session, const std::string& booking, int team,
                  const std::string& org) {
  session.execute("SELECT FROM bookings WHERE booking_id = " + booking + " FOR UPDATE");
  session.execute(fmt::format("UPDATE bookings SET team_id = {}, org_id = {} WHERE booking_id = {}",
                              team, org, booking));
  session.execute(fmt::format("UPDATE runs SET org_id = {} WHERE booking_id = {}", org, booking));
  session.execute(
      fmt::format("UPDATE items AS i SET org_id = {} FROM runs AS r "
                  "WHERE r.run_id = i.run_id AND r.booking_id = {}",
                  org, booking));
}

/// The application that knows organizations: who touches a booking's tree locks the booking first.
void new_transaction(sql::Connection& session, int kind, int from, int team,
                     const std::string& org) {
  if (kind < 25) {
    session.execute(
        fmt::format("INSERT INTO bookings (team_id, org_id) VALUES ({}, {})", team, org));
    return;
  }
  session.execute("BEGIN");
  const auto found = session.execute(fmt::format(
      "SELECT run_id, booking_id FROM runs WHERE run_id >= {} ORDER BY run_id LIMIT 1", from));
  if (found.rows() > 0) {
    const std::string run(found.text(0, 0));
    const std::string booking(found.text(0, 1));
    if (kind >= 45) {
      move_booking(session, booking, team, org);
    } else {
      session.execute("SELECT FROM bookings WHERE booking_id = " + booking + " FOR UPDATE");
      session.execute(
          kind < 35 ? fmt::format("INSERT INTO runs (booking_id, org_id) SELECT booking_id, org_id "
                                  "FROM bookings WHERE booking_id = {}",
                                  booking)
                    : fmt::format("INSERT INTO items (run_id, org_id) SELECT run_id, b.org_id FROM "
                                  "runs AS r JOIN bookings AS b USING (booking_id) "
                                  "WHERE run_id = {} AND booking_id = {}",
                                  run, booking));
    }
  }
  session.execute("COMMIT");
}

}  // namespace

bool long_form() { return std::getenv("PGBACKFILL_TEST_LONG") != nullptr; }

struct Clients::Client {
  std::mt19937 random;
  std::atomic<int> done{0};
  std::atomic<Version> version{Version::kOld};
  std::vector<float> milliseconds;  ///< guarded by Clients::mutex_
  boost::thread thread;
};

Clients::Clients(std::string dsn, int clients, bool patient, std::chrono::milliseconds rest)
    : dsn_(std::move(dsn)), patient_(patient), rest_(rest) {
  for (int i = 0; i < clients; ++i) {
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->random.seed(static_cast<unsigned>(i) + 1);
  }
  for (auto& client : clients_) {
    client->thread = boost::thread([this, &client = *client] { run(client); });
  }
}

Clients::~Clients() { end(); }

void Clients::deploy(Version version) {
  version_ = version;
  for (const auto& client : clients_) {
    while (client->version != version && !ended_) boost::this_thread::yield();
  }
}

void Clients::end() {
  ended_ = true;
  for (auto& client : clients_) {
    if (client->thread.joinable()) client->thread.join();
  }
}

void Clients::reach(int transactions) const {
  std::vector<int> goals;
  for (const auto& client : clients_) goals.push_back(client->done + transactions);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    while (clients_[i]->done < goals[i]) {
      boost::this_thread::sleep_for(boost::chrono::milliseconds(1));
    }
  }
}

std::string Clients::first_failure() const {
  const engine::MutexLock lock(mutex_);
  return first_failure_;
}

Clients::Latencies Clients::latencies() {
  std::vector<float> all;
  const engine::MutexLock lock(mutex_);
  for (auto& client : clients_) {
    all.insert(all.end(), client->milliseconds.begin(), client->milliseconds.end());
    client->milliseconds.clear();
  }
  Latencies result;
  result.transactions = all.size();
  if (all.empty()) return result;
  std::sort(all.begin(), all.end());
  result.p99_ms = all[all.size() * 99 / 100];
  result.most_ms = all.back();
  return result;
}

void Clients::run(Client& client) {
  std::unique_ptr<sql::Connection> session;
  while (!ended_) {
    const Version version = version_;
    const auto begun = Clock::now();
    try {
      if (!session) {
        sql::ConnectOptions options;
        options.dsn = dsn_;
        options.application_name = "app";
        session = std::make_unique<sql::Connection>(options);
      }
      const bool counts = once(*session, client.random, version);
      const std::chrono::duration<float, std::milli> took = Clock::now() - begun;
      const engine::MutexLock lock(mutex_);
      if (counts) client.milliseconds.push_back(took.count());
    } catch (const sql::Error& error) {
      // A statement that a server's shutdown ends has its own code, before the link is lost.
      const bool excused = patient_ && (error.connection_lost() || !session ||
                                        error.sqlstate().substr(0, 2) == "57");
      if (!excused) {
        const engine::MutexLock lock(mutex_);
        if (failures_++ == 0) first_failure_ = error.what();
      }
      if (error.connection_lost() || excused) {
        session.reset();
      } else if (session->in_transaction()) {
        session->execute("ROLLBACK");
      }
    }
    ++client.done;
    client.version = version;
    boost::this_thread::sleep_for(boost::chrono::milliseconds(rest_.count()));
  }
}

bool Clients::once(sql::Connection& session, std::mt19937& random, Version version) {
  const int kind = static_cast<int>(random() % 100);
  const int from = static_cast<int>(random() % 20'000) + 1;
  const int team = static_cast<int>(random() % 20) + 1;
  const std::string org = TrafficTest::org_of_team(std::to_string(team));
  if (kind >= 70) {
    session.execute(common_statement(kind, from, version));
  } else if (version == Version::kNew) {
    new_transaction(session, kind, from, team, org);
  } else {
    session.execute(old_statement(kind, from, team, org, version == Version::kMixed));
  }
  return kind < 99;
}

void TrafficTest::create_tables(int bookings) {
  create_organizations();
  write_team_lookup();
  sql(fmt::format(
      "CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager');"
      "CREATE TABLE bookings (booking_id serial PRIMARY KEY, team_id integer NOT NULL, "
      "  note text NOT NULL DEFAULT 'n');"
      "CREATE TABLE runs (run_id serial PRIMARY KEY, booking_id integer NOT NULL "
      "  REFERENCES bookings ON DELETE CASCADE);"
      "CREATE TABLE items (item_id serial PRIMARY KEY, run_id integer NOT NULL "
      "  REFERENCES runs ON DELETE CASCADE);"
      "CREATE TABLE notes (note_id serial PRIMARY KEY, body text);"
      "CREATE TABLE users (user_id serial PRIMARY KEY, role user_role NOT NULL DEFAULT 'user', "
      "  wanted text NOT NULL DEFAULT 'worker');"
      "INSERT INTO bookings (team_id) SELECT n % 20 + 1 FROM generate_series(1, {0}) AS n;"
      "INSERT INTO runs (booking_id) SELECT n FROM generate_series(1, {0}) AS n;"
      "INSERT INTO items (run_id) SELECT (n + 1) / 2 FROM generate_series(1, 2 * {0}) AS n;"
      "INSERT INTO notes (body) SELECT 'n' FROM generate_series(1, 100);"
      "INSERT INTO users (role) SELECT 'user' FROM generate_series(1, 1000);"
      "CREATE INDEX ON bookings (team_id); CREATE INDEX ON runs (booking_id);"
      "CREATE INDEX ON items (run_id); ANALYZE",
      bookings));
}

std::string TrafficTest::sections() {
  return std::string(kTeamLookup) + R"(
[[table]]
name = "bookings"
value = { lookup = "team_orgs", key = "team_id" }
[[table]]
name = "runs"
value = { parent = "bookings", via = "booking_id" }
[[table]]
name = "items"
value = { parent = "runs", via = "run_id" }
[[table]]
name = "notes"
[[enum]]
type = "user_role"
values = ["worker", "foreman", "manager", "admin"]
map = { user = "worker" }
)";
}

std::int64_t TrafficTest::differences() {
  const std::string org = team_org("b.team_id");
  return count(fmt::format(
      "SELECT (SELECT count(*) FROM bookings AS b WHERE b.org_id IS DISTINCT FROM {0}) + "
      "(SELECT count(*) FROM runs AS r JOIN bookings AS b USING (booking_id) "
      " WHERE r.org_id IS DISTINCT FROM {0}) + "
      "(SELECT count(*) FROM items AS i JOIN runs AS r USING (run_id) "
      " JOIN bookings AS b USING (booking_id) WHERE i.org_id IS DISTINCT FROM {0}) + "
      "(SELECT count(*) FROM notes WHERE org_id IS DISTINCT FROM '{1}') + "
      "(SELECT count(*) FROM users WHERE role::text IS DISTINCT FROM wanted)",
      org, kDefaultOrg));
}

}  // namespace pgbackfill::test
