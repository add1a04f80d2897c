#include "tests/support/pg_fixture.hpp"
#include "tests/support/run_program.hpp"
#include "tests/support/temp_cluster.hpp"

#include <boost/thread/thread.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace pgbackfill::test {
namespace {

using std::string_literals::operator""s;

/// Runs the command with something wrong and expects one clear error, the documented exit code,
/// and a database that nobody touched.
class BadInput : public PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    std::string pattern =
        (std::filesystem::temp_directory_path() / "pgbackfill-bad-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
    sql("CREATE TABLE organizations (org_id uuid PRIMARY KEY, name text);"
        "INSERT INTO organizations VALUES ('00000000-0000-0000-0000-000000000101', 'One');"
        "CREATE TABLE teams (team_id integer PRIMARY KEY, name text);"
        "INSERT INTO teams SELECT n, 'Team ' || n FROM generate_series(1, 3) AS n;"
        "CREATE TABLE bookings (booking_id integer PRIMARY KEY, team_id integer REFERENCES teams);"
        "INSERT INTO bookings SELECT n, n % 3 + 1 FROM generate_series(1, 30) AS n;"
        "CREATE TYPE user_role AS ENUM ('user', 'admin', 'manager', 'ghost');"
        "CREATE TABLE users (user_id integer PRIMARY KEY, role user_role NOT NULL);"
        "INSERT INTO users VALUES (1, 'user'), (2, 'ghost')");
    write("teams.csv",
          "team_id,org_id\n1,00000000-0000-0000-0000-000000000101\n"
          "2,00000000-0000-0000-0000-000000000101\n3,00000000-0000-0000-0000-000000000101\n");
    before_ = state();
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    PgTest::TearDown();
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }

  static std::string head() {
    return "version = 1\n[tenant]\nreferences = \"organizations(org_id)\"\n"
           "value = { constant = \"00000000-0000-0000-0000-000000000101\" }\n";
  }
  static std::string lookup_job() {
    return head() +
           "[[lookup]]\nname = \"team_orgs\"\nfile = \"teams.csv\"\n"
           "[[table]]\nname = \"bookings\"\n"
           "value = { lookup = \"team_orgs\", key = \"team_id\" }\n";
  }

  /// Every relation, column, type and schema, and every row.
  std::string state() {
    return value(
        "SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM ("
        "SELECT attrelid::regclass || '.' || attname || atttypid::text FROM pg_attribute "
        "WHERE attrelid >= 16384 UNION ALL SELECT nspname FROM pg_namespace WHERE nspname !~ "
        "'^pg_(toast_)?temp' UNION ALL SELECT enumlabel FROM pg_enum UNION ALL "
        "SELECT b::text FROM bookings AS b UNION ALL SELECT t::text FROM teams AS t UNION ALL "
        "SELECT u::text FROM users AS u UNION ALL SELECT o::text FROM organizations AS o "
        ") AS s(line)");
  }

  ProgramOutcome run(const std::string& job, const std::string& to = "",
                     const std::string& command = "run") {
    write("job.toml", job);
    return run_program(PGBACKFILL_EXECUTABLE, {command, "-c", (directory_ / "job.toml").string(),
                                               "--dsn", to.empty() ? dsn() : to});
  }

  void expect(const ProgramOutcome& outcome, int exit_code,
              const std::vector<std::string>& mentions) {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.out << outcome.err;
    for (const std::string& word : mentions) {
      EXPECT_NE(outcome.err.find(word), std::string::npos) << "'" << word << "' is missing from:\n"
                                                           << outcome.err;
    }
    EXPECT_EQ(state(), before_);
  }

  std::filesystem::path directory_;
  std::string before_;
};

TEST_F(BadInput, UnknownKey) {
  expect(run(head() + "[[table]]\nname = \"teams\"\ncolour = \"red\"\n"), 2,
         {"job.toml:7:1", "colour"});
}

TEST_F(BadInput, SyntaxError) { expect(run(head() + "[[table\n"), 2, {"job.toml:5"}); }

TEST_F(BadInput, MissingFile) {
  const auto outcome =
      run_program(PGBACKFILL_EXECUTABLE, {"run", "-c", "/nowhere/job.toml", "--dsn", dsn()});
  expect(outcome, 2, {"/nowhere/job.toml"});
}

TEST_F(BadInput, MissingCsv) {
  std::filesystem::remove(directory_ / "teams.csv");
  expect(run(lookup_job()), 2, {"teams.csv"});
}

TEST_F(BadInput, DuplicateKeyInCsv) {
  write("teams.csv",
        "team_id,org_id\n1,00000000-0000-0000-0000-000000000101\n"
        "1,00000000-0000-0000-0000-000000000101\n");
  expect(run(lookup_job()), 2, {"teams.csv:3", "1"});
}

TEST_F(BadInput, DuplicateKeyInOtherSpelling) {
  write("teams.csv",
        "team_id,org_id\n7,00000000-0000-0000-0000-000000000101\n"
        "007,00000000-0000-0000-0000-000000000101\n");
  expect(run(lookup_job()), 2, {"teams.csv:3", "7"});
}

TEST_F(BadInput, CsvKeyOfTheWrongType) {
  write("teams.csv", "team_id,org_id\nseven,00000000-0000-0000-0000-000000000101\n");
  expect(run(lookup_job()), 2, {"teams.csv:2", "seven"});
}

TEST_F(BadInput, ValueMissingFromTheLookup) {
  write("teams.csv", "team_id,org_id\n1,00000000-0000-0000-0000-000000000101\n");
  expect(run(lookup_job()), 3, {"bookings", "2", "3"});
}

TEST_F(BadInput, NullKeyWithoutOtherwise) {
  sql("INSERT INTO bookings VALUES (99, NULL)");
  before_ = state();
  expect(run(lookup_job()), 3, {"bookings", "NULL"});
}

TEST_F(BadInput, OrganizationInTheLookupThatDoesNotExist) {
  write("teams.csv",
        "team_id,org_id\n1,00000000-0000-0000-0000-000000000101\n"
        "2,00000000-0000-0000-0000-000000000999\n3,00000000-0000-0000-0000-000000000101\n");
  expect(run(lookup_job()), 3, {"00000000-0000-0000-0000-000000000999"});
}

TEST_F(BadInput, UnknownTable) {
  expect(run(head() + "[[table]]\nname = \"bokings\"\n"), 2, {"job.toml:5:1", "bokings"});
}

TEST_F(BadInput, UnknownColumn) {
  expect(run(head() + "[[lookup]]\nname = \"team_orgs\"\nfile = \"teams.csv\"\n"
                      "[[table]]\nname = \"bookings\"\n"
                      "value = { lookup = \"team_orgs\", key = \"taem_id\" }\n"),
         2, {"job.toml:10", "taem_id"});
}

TEST_F(BadInput, CyclicParents) {
  expect(run(head() + "[[table]]\nname = \"teams\"\n"
                      "value = { parent = \"bookings\", via = \"team_id\" }\n"
                      "[[table]]\nname = \"bookings\"\n"
                      "value = { parent = \"teams\", via = \"team_id\" }\n"),
         2, {"teams", "bookings", "->"});
}

TEST_F(BadInput, UnmappedEnumValue) {
  expect(run("version = 1\n[[enum]]\ntype = \"user_role\"\n"
             "values = [\"worker\", \"foreman\", \"manager\", \"admin\"]\n"
             "map = { user = \"worker\" }\n"),
         3, {"user_role", "ghost", "1"});
}

TEST_F(BadInput, OrganizationRowMissing) {
  expect(run("version = 1\n[tenant]\nreferences = \"organizations(org_id)\"\n"
             "value = { constant = \"00000000-0000-0000-0000-000000000001\" }\n"
             "[[table]]\nname = \"teams\"\n"),
         3, {"00000000-0000-0000-0000-000000000001", "organizations"});
}

TEST_F(BadInput, ExpressionThatDoesNotParse) {
  expect(run(head() + "[[table]]\nname = \"teams\"\nvalue = { sql = \"no_such_column + 1\" }\n"), 3,
         {"teams", "no_such_column"});
}

TEST_F(BadInput, RoleThatIsNotTheOwner) {
  const std::string role = "clerk_" + database();
  sql("CREATE ROLE " + role + " LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO " + role +
      "; GRANT CREATE, TEMP ON DATABASE " + database() + " TO " + role);
  expect(run(lookup_job(), dsn(role)), 3, {"bookings", "owner"});
  sql("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(BadInput, UnreachableServer) {
  expect(run(lookup_job(), "host=" + directory_.string() + " dbname=app user=postgres"), 1,
         {directory_.string()});
}

TEST_F(BadInput, UnknownDatabase) {
  expect(run(lookup_job(), TempCluster::shared().dsn("no_such_database")), 1, {"no_such_database"});
}

TEST_F(BadInput, TwoMistakesAreReportedTogether) {
  const auto outcome = run(head() +
                           "[[table]]\nname = \"teams\"\ncolour = \"red\"\n"
                           "[[table]]\nname = \"bookings\"\nindexes = 7\n");
  expect(outcome, 2, {"job.toml:7:1", "job.toml:10"});
}

TEST_F(BadInput, UnknownFlagAndUnknownStage) {
  write("job.toml", lookup_job());
  const std::string file = (directory_ / "job.toml").string();
  expect(run_program(PGBACKFILL_EXECUTABLE, {"run", "-c", file, "--dsn", dsn(), "--fast"}), 2,
         {"--fast"});
  expect(run_program(PGBACKFILL_EXECUTABLE,
                     {"run", "-c", file, "--dsn", dsn(), "--until", "sometime"}),
         2, {"sometime"});
  expect(run_program(PGBACKFILL_EXECUTABLE, {"run", "-c", file, "--dsn", dsn(), "--workers", "0"}),
         2, {"workers"});
}

TEST_F(BadInput, PasswordIsNeverShown) {
  const auto outcome = run(
      lookup_job(), "host=" + directory_.string() + " user=postgres password=s3cr3t dbname=app");
  expect(outcome, 1, {});
  EXPECT_EQ((outcome.out + outcome.err).find("s3cr3t"), std::string::npos);
}

/// A server that only knows to say its version: stands in for releases that no package here has.
class OldServer {
 public:
  explicit OldServer(const std::filesystem::path& directory)
      : path_(directory / ".s.PGSQL.5432"), socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket_, 4), 0);
    thread_ = boost::thread([this] { serve(); });
  }
  ~OldServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

 private:
  static std::string message(char type, const std::string& body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 4);
    std::string text(1, type);
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(length >> shift & 0xff);
    return text + body;
  }
  void serve() const {
    const std::string greeting = message('R', "\0\0\0\0"s) +
                                 message('S', "server_version\00012.22\0"s) +
                                 message('S', "client_encoding\0UTF8\0"s) + message('Z', "I");
    const std::string answer =
        message('T', "\0\0"s) + message('C', "SELECT 0\0"s) + message('Z', "I");
    const std::string answer_extended = message('1', "") + message('2', "") + message('n', "") +
                                        message('C', "SELECT 0\0"s) + message('Z', "I");
    for (;;) {
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client < 0) return;
      std::array<char, 8192> buffer{};
      bool greeted = false;
      for (ssize_t got = ::read(client, buffer.data(), buffer.size()); got > 0;
           got = ::read(client, buffer.data(), buffer.size())) {
        const std::string& reply = !greeted                ? greeting
                                   : buffer.front() == 'Q' ? answer
                                                           : answer_extended;
        greeted = true;
        if (::send(client, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
      }
      ::close(client);
    }
  }

  std::filesystem::path path_;
  int socket_;
  boost::thread thread_;
};

TEST_F(BadInput, ServerOlderThanThirteen) {
  const OldServer server(directory_);
  expect(run(lookup_job(), "host=" + directory_.string() + " port=5432 user=postgres dbname=app"),
         3, {"12", "13"});
}

TEST_F(BadInput, WrongPassword) {
  const TempCluster cluster;
  sql::ConnectOptions as_admin;
  as_admin.dsn = cluster.dsn();
  sql::Connection admin(as_admin);
  admin.execute("CREATE ROLE app LOGIN PASSWORD 'right'");
  const auto hba = std::string(
      admin.execute("SELECT setting FROM pg_settings WHERE name = 'hba_file'").text(0, 0));
  std::ofstream(hba) << "local all app scram-sha-256\nlocal all postgres trust\n";
  admin.execute("SELECT pg_reload_conf()");
  boost::this_thread::sleep_for(boost::chrono::milliseconds(300));
  const auto outcome = run(lookup_job(), cluster.dsn("postgres", "app") + " password=wr0ng");
  expect(outcome, 1, {"password", "app"});
  EXPECT_EQ((outcome.out + outcome.err).find("wr0ng"), std::string::npos);
}

}  // namespace
}  // namespace pgbackfill::test
