#include "tests/support/pg_fixture.hpp"
#include "tools/cli.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace pgbackfill::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A database with the traits of public samples, which knows nothing of the project.
class Init : public test::PgTest {
 protected:
  void SetUp() override {
    PgTest::SetUp();
    std::string name = (std::filesystem::temp_directory_path() / "pgbackfill-init-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    sql(R"sql(
CREATE TABLE tenants (id uuid PRIMARY KEY, name varchar(80) NOT NULL UNIQUE, plan text NOT NULL,
  active boolean NOT NULL, opened timestamptz NOT NULL DEFAULT now());
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
CREATE TYPE mpaa AS ENUM ('G', 'PG', 'R');
CREATE DOMAIN year AS integer CHECK (VALUE > 1900);
CREATE TABLE film (film_id serial PRIMARY KEY, title text NOT NULL, rating mpaa, released year,
  last_update timestamptz NOT NULL DEFAULT now(), code text UNIQUE, share_token text UNIQUE);
CREATE INDEX film_title ON film (title);
CREATE VIEW rated AS SELECT film_id, rating FROM film WHERE rating > 'G';
CREATE FUNCTION last_updated() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN NEW.last_update = now(); RETURN NEW; END$$;
CREATE TABLE inventory (inventory_id serial PRIMARY KEY, film_id integer NOT NULL REFERENCES film,
  last_update timestamptz);
CREATE TRIGGER touch BEFORE UPDATE ON inventory FOR EACH ROW EXECUTE FUNCTION last_updated();
CREATE TABLE rental (rental_id serial PRIMARY KEY, inventory_id integer NOT NULL REFERENCES
  inventory, film_hint integer REFERENCES film);
CREATE TABLE payment (payment_id integer, rental_id integer NOT NULL REFERENCES rental,
  paid date NOT NULL) PARTITION BY RANGE (paid);
CREATE TABLE payment_1 PARTITION OF payment FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE "Odd Name" ("the ""key""" integer, note text);
CREATE TABLE node (node_id integer PRIMARY KEY, up integer REFERENCES node);
CREATE TABLE egg (egg_id integer PRIMARY KEY, hen_id integer NOT NULL);
CREATE TABLE hen (hen_id integer PRIMARY KEY, egg_id integer NOT NULL REFERENCES egg);
ALTER TABLE egg ADD FOREIGN KEY (hen_id) REFERENCES hen DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE site (site_id integer PRIMARY KEY, owner uuid NOT NULL REFERENCES tenants);
INSERT INTO film (title, rating) SELECT 'T' || n, 'PG' FROM generate_series(1, 50) AS n;
INSERT INTO inventory (film_id) SELECT n FROM generate_series(1, 50) AS n;
INSERT INTO rental (inventory_id) SELECT n FROM generate_series(1, 50) AS n;
INSERT INTO payment SELECT n, n, '2020-06-01' FROM generate_series(1, 50) AS n;
INSERT INTO "Odd Name" SELECT n, 'x' FROM generate_series(1, 50) AS n;
ANALYZE;)sql");
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    PgTest::TearDown();
  }

  int command(std::vector<std::string> args) {
    args.insert(args.end(), {"--dsn", dsn()});
    std::ostringstream out;
    std::ostringstream err;
    const int code = run_cli(args, out, err);
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  std::string file() const { return (directory_ / "job.toml").string(); }
  std::string init() {
    EXPECT_EQ(command({"init", "-o", file()}), kExitDone) << err_;
    std::ostringstream text;
    text << std::ifstream(file()).rdbuf();
    return text.str();
  }

  std::filesystem::path directory_;
  std::string out_;
  std::string err_;
};

TEST_F(Init, ProposesWhatPlanAcceptsAndRunCarriesOut) {
  const std::string text = init();
  for (const std::string name : {"plan", "run", "verify"}) {
    EXPECT_EQ(command({name, "-c", file()}), kExitDone) << name << "\n" << err_ << text;
  }
  EXPECT_EQ(sql("SELECT count(*) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid "
                "WHERE attname = 'org_id' AND attnotnull AND relkind IN ('r', 'p') AND NOT "
                "relispartition")
                .integer(0, 0),
            9);
  EXPECT_EQ(sql("SELECT count(*) FROM payment JOIN tenants ON id = org_id").integer(0, 0), 50);
}

TEST_F(Init, FindsParentsAndSaysWhatItIsNotSureOf) {
  const std::string text = init();
  EXPECT_THAT(text, HasSubstr("alembic_version: Alembic's history"));
  EXPECT_THAT(text, HasSubstr("tenants: the organizations themselves"));
  EXPECT_THAT(text, HasSubstr("references = \"tenants(id)\""));
  EXPECT_THAT(text, HasSubstr("name = \"rental\"\nvalue = { parent = \"inventory\", via = "
                              "\"inventory_id\" }\n# ? or value = { parent = \"film\", via = "
                              "\"film_hint\" }"));
  EXPECT_THAT(text, HasSubstr("name = \"inventory\"\n# ? value = { parent = \"film\", via = "
                              "\"film_id\" }\n#   not taken by itself: writing its rows may fire "
                              "touch"));
  EXPECT_THAT(text, HasSubstr("value = { sql = \"\\\"owner\\\"\" }"));
  EXPECT_THAT(text, HasSubstr("columns = [\"org_id\", \"title\"]"));
  EXPECT_THAT(text, HasSubstr("# columns = [\"code\"]\n# scope = \"tenant\""));
  EXPECT_THAT(text, HasSubstr("# columns = [\"share_token\"]\n# scope = \"global\""));
  EXPECT_THAT(text, HasSubstr("# values = [\"G\", \"PG\", \"R\"]"));
  EXPECT_THAT(text, HasSubstr("no primary key"));
  EXPECT_THAT(text, Not(HasSubstr("payment_1")));
}

TEST_F(Init, WritesToStandardOutputAndNeverOverAFile) {
  EXPECT_EQ(command({"init"}), kExitDone);
  EXPECT_THAT(out_, HasSubstr("[tenant]"));
  const std::string text = out_;
  EXPECT_EQ(command({"init", "-o", "-"}), kExitDone);
  EXPECT_EQ(out_, text);
  EXPECT_FALSE(std::filesystem::exists("-"));
  std::ofstream(file()) << "mine";
  EXPECT_EQ(command({"init", "-o", file()}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("job.toml exists"));
  std::string kept;
  std::ifstream(file()) >> kept;
  EXPECT_EQ(kept, "mine");
  EXPECT_EQ(sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgbackfill'").integer(0, 0), 0);
}

TEST_F(Init, AsksWhereItCannotTell) {
  sql("CREATE TABLE companies (id integer PRIMARY KEY)");
  EXPECT_EQ(command({"init"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("several tables could be the organizations: companies, tenants"));
  EXPECT_EQ(command({"init", "--tenant", "tenents(id)"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean \"tenants\"?"));
  EXPECT_EQ(command({"init", "--tenant", "tenants(nr)"}), kExitUsage);
  EXPECT_EQ(command({"init", "--tenant", "companies", "--column", "company"}), kExitDone) << err_;
  EXPECT_THAT(out_, HasSubstr("column = \"company\""));
  EXPECT_EQ(command({"init", "--tenant", "tenants", "--schema", "empty"}), kExitUsage);
}

TEST_F(Init, TakesTheOnlyOrganizationThereIs) {
  sql("INSERT INTO tenants VALUES ('00000000-0000-0000-0000-0000000000aa', 'One', 'p', true)");
  const std::string text = init();
  EXPECT_THAT(text, HasSubstr("constant = \"00000000-0000-0000-0000-0000000000aa\""));
  EXPECT_THAT(text, Not(HasSubstr("[[ensure]]")));
  EXPECT_EQ(command({"plan", "-c", file()}), kExitDone) << err_;
  sql("INSERT INTO tenants VALUES ('00000000-0000-0000-0000-0000000000bb', 'Two', 'p', true)");
  EXPECT_EQ(command({"init"}), kExitDone);
  EXPECT_THAT(out_, HasSubstr("# ? there are organizations already"));
}

}  // namespace
}  // namespace pgbackfill::tools
