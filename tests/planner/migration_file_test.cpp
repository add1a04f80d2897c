#include "planner/file/migration_file.hpp"

#include "planner/operations/ensure/ensure_spec.hpp"
#include "tests/planner/migration_fixture.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace pgbackfill::planner {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

class MigrationFile : public MigrationFixture {};

TEST_F(MigrationFile, DefaultsStandWhereTheFileIsSilent) {
  const JobSpec spec = read(kSmall);
  EXPECT_EQ(spec.schema, "public");
  EXPECT_EQ(spec.run.workers, RunOptions{}.workers);
  EXPECT_EQ(spec.tenant->column, "org_id");
  EXPECT_EQ(spec.tenant->foreign_key, "fk_{table}_{column}_{references}");
}

TEST_F(MigrationFile, RunReadsEveryChoice) {
  const RunOptions run = read(std::string(kSmall) + R"toml([run]
workers = 256
method = "update"
order = "key"
online = false
batch_time = "1min"
batch_rows = 5000
passes = 8
lock_timeout = "50ms"
on_held_horizon = "wait"
max_replica_lag = "64MB"
max_wal_rate = "50MB"
max_slot_wal = "10GB"
throttle_query = "SELECT 0"
duty_cycle = 0.25
)toml")
                             .run;
  EXPECT_EQ(run.workers, 256);
  EXPECT_EQ(run.method, MethodChoice::kUpdate);
  EXPECT_EQ(run.order, OrderChoice::kKey);
  EXPECT_FALSE(run.online);
  EXPECT_EQ(run.batch_time, std::chrono::minutes(1));
  EXPECT_EQ(run.batch_rows, 5000);
  EXPECT_EQ(run.passes, 8);
  EXPECT_EQ(run.lock_timeout, std::chrono::milliseconds(50));
  EXPECT_EQ(run.on_held_horizon, HeldHorizon::kWait);
  EXPECT_EQ(run.max_replica_lag.bytes, std::int64_t{64} << 20);
  EXPECT_EQ(run.max_wal_rate, std::int64_t{50} << 20);
  EXPECT_EQ(run.max_slot_wal, std::int64_t{10} << 30);
  EXPECT_EQ(run.throttle_query, "SELECT 0");
  EXPECT_EQ(run.duty_cycle, 0.25);
}

TEST_F(MigrationFile, WhatTheThrottleIsToldIsChecked) {
  const std::string small(kSmall);
  EXPECT_THAT(errors(small + "[run]\nmax_replica_lag = \"fast\"\n"),
              ElementsAre(HasSubstr("a duration like 10s, or a size like 64MB")));
  EXPECT_THAT(errors(small + "[run]\nmax_wal_rate = \"50\"\n"),
              ElementsAre(HasSubstr("a size like")));
  for (const char* value : {"0", "0.0", "1.5", "-1", "nan"}) {
    EXPECT_THAT(errors(fmt::format("{}[run]\nduty_cycle = {}\n", small, value)),
                ElementsAre(HasSubstr("above 0, up to 1")));
  }
}

TEST_F(MigrationFile, ConstantsMayBeNumbersAndBooleans) {
  const JobSpec spec = read(R"toml(version = 1
[tenant]
type = "int"
references = 'app."Org units"("Org id")'
value = { constant = 7 }
[[table]]
name = "t"
[[ensure]]
table = "o"
key = ["id"]
row = { id = 0x10, ratio = 1.5, live = true, note = "" }
)toml");
  EXPECT_EQ(spec.tenant->value->constant, "7");
  EXPECT_EQ(spec.tenant->references_table, "app.\"Org units\"");
  EXPECT_EQ(spec.tenant->references_column, "Org id");
  EXPECT_THAT(spec.of<EnsureSpec>()[0].row, ElementsAre(Pair("id", "16"), Pair("ratio", "1.5"),
                                                        Pair("live", "true"), Pair("note", "")));
}

TEST_F(MigrationFile, EnumsAloneNeedNoTenant) {
  EXPECT_EQ(read("version = 1\n[[enum]]\ntype = \"r\"\nvalues = [\"a\"]\n").tenant, std::nullopt);
}

// The file itself.

TEST_F(MigrationFile, MissingFile) {
  EXPECT_THAT(errors_at(directory_.path() / "none.toml"),
              ElementsAre("cannot read the migration file none.toml: No such file or directory"));
}

TEST_F(MigrationFile, Directory) {
  EXPECT_THAT(errors_at(directory_.path()), ElementsAre(HasSubstr("Is a directory")));
}

TEST_F(MigrationFile, TooLarge) {
  EXPECT_THAT(errors(std::string((16U << 20U) + 1, '#')),
              ElementsAre(HasSubstr("larger than 16 MB")));
}

TEST_F(MigrationFile, SyntaxErrorIsTheOnlyError) {
  EXPECT_THAT(errors("version = 1\n[tenant\nfoo = 1\n"),
              ElementsAre(StartsWith("job.toml:2:8: not valid TOML: ")));
  EXPECT_THAT(errors("version = 1\nversion = 1\n"),
              ElementsAre(AllOf(StartsWith("job.toml:2:"), HasSubstr("version"))));
}

TEST_F(MigrationFile, GarbageIsAnErrorAndNoCrash) {
  EXPECT_THAT(errors("\x7f"
                     "ELF\x02\x01"),
              SizeIs(1));
  EXPECT_THAT(errors(std::string_view("\0\0\0", 3)), SizeIs(1));
  EXPECT_THAT(errors("a = \"\xFF\""), SizeIs(1));
  EXPECT_THAT(errors("a = " + std::string(100'000, '[')), SizeIs(1));
  std::string dotted = "a";
  for (int i = 0; i < 200'000; ++i) dotted += ".a";
  EXPECT_THAT(errors(dotted + " = 1\n"), ElementsAre(HasSubstr("so many dots")));
  EXPECT_THAT(errors("version = 1\n[run]\na.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s = 1\n"),
              ElementsAre(HasSubstr("nested too deeply")));
  EXPECT_THAT(errors("version = 1\n[[table]]\nname = \"a\\u0000b\"\n"),
              ElementsAre("job.toml:3:8: contains a NUL character, which PostgreSQL cannot store"));
}

TEST_F(MigrationFile, AsksForNothing) {
  EXPECT_THAT(errors("version = 1\n"), ElementsAre(StartsWith("job.toml:1:1: asks for nothing")));
  EXPECT_THAT(errors(""), ElementsAre(HasSubstr("\"version\" is missing")));
}

TEST_F(MigrationFile, Version) {
  EXPECT_THAT(errors(kSmall.substr(kSmall.find('\n'))),
              ElementsAre("job.toml:1:1: the key \"version\" is missing; begin with version = 1"));
  EXPECT_THAT(errors("version = 2" + std::string(kSmall.substr(kSmall.find('\n')))),
              ElementsAre("job.toml:1:11: \"version\" is 2; this pgbackfill reads version 1"));
  EXPECT_THAT(errors("version = \"1\"" + std::string(kSmall.substr(kSmall.find('\n')))),
              ElementsAre("job.toml:1:11: \"version\" must be an integer, not a string"));
}

TEST_F(MigrationFile, UnknownKeysAtEveryLevel) {
  EXPECT_THAT(
      errors(R"toml(version = 1
verion = 1
[database]
dns = "x"
[run]
worker = 3
zzz = 1
[tenant]
references = "o(id)"
referencs = "o(id)"
value = { constnat = "x", constant = "y" }
[[table]]
name = "t"
value = { sql = "x", otherwise = { value = 1, constant = "x" } }
indexes = [ { name = "i", columns = ["a"], unique = true } ]
[[enum]]
type = "e"
values = ["a"]
valeus = ["a"]
[[ensure]]
table = "o"
key = ["id"]
row = { id = 1 }
rows = 1
[[lookup]]
fil = "x"
[[convert]]
columns = ["a.b"]
type = "uuid"
tpye = "uuid"
)toml"),
      ElementsAre("job.toml:2:1: unknown key \"verion\", did you mean \"version\"?",
                  "job.toml:4:1: [database] unknown key \"dns\", did you mean \"dsn\"?",
                  "job.toml:6:1: [run] unknown key \"worker\", did you mean \"workers\"?",
                  "job.toml:7:1: [run] unknown key \"zzz\"",
                  "job.toml:10:1: [tenant] unknown key \"referencs\", did you mean "
                  "\"references\"?",
                  "job.toml:11:11: [tenant] value unknown key \"constnat\", did you mean "
                  "\"constant\"?",
                  "job.toml:14:36: [[table]] \"t\" value \"otherwise\" unknown key \"value\"",
                  "job.toml:15:44: [[table]] \"t\" index \"i\" unknown key \"unique\"",
                  "job.toml:19:1: [[enum]] \"e\" unknown key \"valeus\", did you mean \"values\"?",
                  "job.toml:24:1: [[ensure]] \"o\" unknown key \"rows\", did you mean \"row\"?",
                  "job.toml:25:1: [[lookup]] needs the key \"name\"",
                  "job.toml:25:1: [[lookup]] needs the key \"file\"",
                  "job.toml:26:1: [[lookup]] unknown key \"fil\", did you mean \"file\"?",
                  "job.toml:30:1: [[convert]] unknown key \"tpye\", did you mean \"type\"?"));
}

TEST_F(MigrationFile, WrongTypes) {
  EXPECT_THAT(
      errors(R"toml(version = 1
database = 1
run = [1]
ensure = "x"
lookup = [1]
[tenant]
column = 1
references = true
value = "x"
[table]
name = "t"
required = "yes"
indexes = [ "i", { name = 1, columns = "a" } ]
[[enum]]
type = "e"
values = [1, "a"]
map = ["a"]
unmap = { a = 1 }
on_unmapped = 1979-05-27
)toml"),
      ElementsAre(
          "job.toml:2:12: \"database\" must be a table, not an integer",
          "job.toml:3:7: \"run\" must be a table, not an array",
          "job.toml:4:10: \"ensure\" must be an array, not a string",
          "job.toml:5:11: [[lookup]] must be a table, not an integer",
          "job.toml:7:10: [tenant] \"column\" must be a string, not an integer",
          "job.toml:8:14: [tenant] \"references\" must be a string, not a boolean",
          "job.toml:9:9: [tenant] \"value\" must be a table, not a string",
          "job.toml:10:1: write [[table]], not [table]: there may be several",
          "job.toml:12:12: [[table]] \"t\" \"required\" must be a boolean, not a string",
          "job.toml:13:13: [[table]] \"t\" \"indexes\" must hold { name = …, columns = "
          "[ … ] }",
          "job.toml:13:27: [[table]] \"t\" index \"name\" must be a string, not an integer",
          "job.toml:13:40: [[table]] \"t\" index \"columns\" must be an array, not a string",
          "job.toml:16:11: [[enum]] \"e\" \"values\" must hold strings only, not an integer",
          "job.toml:17:7: [[enum]] \"e\" \"map\" must be a table, not an array",
          "job.toml:18:15: [[enum]] \"e\" \"unmap.a\" must be a string, not an integer",
          "job.toml:19:15: [[enum]] \"e\" \"on_unmapped\" must be a string, not a date or "
          "time"));
}

TEST_F(MigrationFile, MandatoryKeys) {
  EXPECT_THAT(
      errors(R"toml(version = 1
[tenant]
[[ensure]]
[[table]]
indexes = [ {} ]
[[enum]]
[[convert]]
)toml"),
      ElementsAre("job.toml:2:1: [tenant] needs the key \"references\"",
                  "job.toml:3:1: [[ensure]] needs the key \"table\"",
                  "job.toml:3:1: [[ensure]] needs the key \"key\"",
                  "job.toml:3:1: [[ensure]] needs either \"row\" or \"select\", the rows that must "
                  "exist",
                  "job.toml:4:1: [[table]] needs the key \"name\"", HasSubstr("has no \"value\""),
                  "job.toml:5:13: [[table]] index needs the key \"name\"",
                  "job.toml:5:13: [[table]] index needs the key \"columns\"",
                  "job.toml:6:1: [[enum]] needs the key \"type\"",
                  "job.toml:6:1: [[enum]] needs the key \"values\"",
                  "job.toml:7:1: [[convert]] needs the key \"columns\"",
                  "job.toml:7:1: [[convert]] needs the key \"type\""));
}

TEST_F(MigrationFile, RunRanges) {
  EXPECT_THAT(
      errors_after_small(R"toml([run]
workers = 0
method = "cpoy"
order = "random"
batch_time = "fast"
batch_rows = -1
passes = 1000
lock_timeout = "2 days"
on_held_horizon = "wayt"
)toml"),
      ElementsAre(
          "job.toml:11:11: [run] \"workers\" must be from 1 to 256, not 0",
          "job.toml:12:10: [run] \"method\" must be one of auto, copy, update, catalog, not "
          "\"cpoy\", did you mean \"copy\"?",
          "job.toml:13:9: [run] \"order\" must be one of auto, block, key, not \"random\"",
          "job.toml:14:14: [run] \"batch_time\" must be a duration of at most a day like "
          "250ms, 2s or 1min, not \"fast\"",
          "job.toml:15:14: [run] \"batch_rows\" must be from 0 to 10000000, not -1",
          "job.toml:16:10: [run] \"passes\" must be from 0 to 256, not 1000",
          HasSubstr("job.toml:17:16: [run] \"lock_timeout\" must be a duration"),
          "job.toml:18:19: [run] \"on_held_horizon\" must be one of continue, wait, not "
          "\"wayt\", did you mean \"wait\"?"));
}

// [tenant]

std::string tenant_with(std::string_view line) {
  return "version = 1\n[tenant]\nreferences = \"o(id)\"\n" + std::string(line) +
         "\n[[enum]]\ntype = \"e\"\nvalues = [\"a\"]\n";
}

TEST_F(MigrationFile, OnDeleteNeverReachesTheRows) {
  EXPECT_EQ(read(tenant_with("on_delete = \"RESTRICT\"")).tenant->on_delete, "restrict");
  EXPECT_THAT(errors(tenant_with("on_delete = \"cascade\"")),
              ElementsAre("job.toml:4:13: [tenant] \"on_delete\" must be no action or restrict; "
                          "\"cascade\" is refused: deleting one organization would silently delete "
                          "all of its rows"));
  EXPECT_THAT(errors(tenant_with("on_delete = \"set null\"")), ElementsAre(HasSubstr("NOT NULL")));
  EXPECT_THAT(errors(tenant_with("on_delete = \"set default\"")),
              ElementsAre(HasSubstr("no default")));
  EXPECT_THAT(errors(tenant_with("on_delete = \"whatever\"")), ElementsAre(HasSubstr("not known")));
}

TEST_F(MigrationFile, References) {
  for (const char* bad : {"organizations", "(id)", "o(id", "o()", "o(a.b)", "o(a b)"}) {
    EXPECT_THAT(errors("version = 1\n[tenant]\nreferences = \"" + std::string(bad) +
                       "\"\n[[enum]]\ntype = \"e\"\nvalues = [\"a\"]\n"),
                ElementsAre(StartsWith("job.toml:3:14: [tenant] \"references\"")))
        << bad;
  }
}

TEST_F(MigrationFile, TypeIsOnlyAType) {
  EXPECT_EQ(read(tenant_with("type = \"character varying(36)\"")).tenant->type,
            "character varying(36)");
  for (const char* bad : {"uuid; drop table x", "uuid default 'x'", "uuid -- x", "\\\"open"}) {
    EXPECT_THAT(errors(tenant_with("type = \"" + std::string(bad) + "\"")),
                ElementsAre(StartsWith("job.toml:4:8: [tenant] \"type\"")))
        << bad;
  }
}

TEST_F(MigrationFile, Templates) {
  EXPECT_EQ(
      read(tenant_with("foreign_key = \"fk_{table}_{column}_{references}\"")).tenant->foreign_key,
      "fk_{table}_{column}_{references}");
  EXPECT_THAT(errors(tenant_with("foreign_key = \"fk_{tabel}\"")),
              ElementsAre("job.toml:4:15: [tenant] \"foreign_key\" has the unknown placeholder "
                          "{tabel}; only {table}, {column} and {references} are filled in"));
  EXPECT_THAT(errors(tenant_with("index = \"ix_{table}_{\"")),
              ElementsAre(HasSubstr("a brace without its partner")));
  EXPECT_THAT(errors(tenant_with("index = \"ix_}{table}\"")),
              ElementsAre(HasSubstr("a brace without its partner")));
  EXPECT_THAT(errors(tenant_with("index = \"ix_org\"")),
              ElementsAre(StartsWith("job.toml:4:9: [tenant] \"index\" needs {table}")));
}

TEST_F(MigrationFile, LongNamesAreNotCutOff) {
  const std::string name(64, 'a');
  EXPECT_THAT(errors(tenant_with("column = \"" + name + "\"")),
              ElementsAre(HasSubstr("64 bytes long; PostgreSQL keeps 63")));
}

TEST_F(MigrationFile, TablesNeedATenant) {
  EXPECT_THAT(errors("version = 1\n[[table]]\nname = \"a\"\n[[table]]\nname = \"b\"\n"),
              ElementsAre("job.toml:2:1: [[table]] needs a [tenant] that says which column the "
                          "tables get"));
}

TEST_F(MigrationFile, TablesNeedAValueFromSomewhere) {
  EXPECT_THAT(errors("version = 1\n[tenant]\nreferences = \"o(id)\"\n[[table]]\nname = \"a\"\n"),
              ElementsAre("job.toml:4:1: [[table]] \"a\" has no \"value\", nor has [tenant]: say "
                          "where its org_id comes from"));
}

TEST_F(MigrationFile, TheReferencedTableIsNotACoreTable) {
  EXPECT_THAT(errors_after_small("[[table]]\nname = \"public.organizations\"\n"),
              ElementsAre(StartsWith("job.toml:10:1: [[table]] \"public.organizations\" is the "
                                     "table that org_id references")));
}

TEST_F(MigrationFile, LookupFilesAreCheckedToo) {
  directory_.write("bad.csv", "team_id,org_id\n1,a\n1,b\n");
  EXPECT_THAT(errors_after_small(R"toml([[lookup]]
name = "gone"
file = "gone.csv"
[[lookup]]
name = "bad"
file = "bad.csv"
[run]
worker = 1
)toml"),
              ElementsAre("job.toml:10:1: lookup \"gone\": cannot read gone.csv: No such file or "
                          "directory",
                          "job.toml:17:1: [run] unknown key \"worker\", did you mean \"workers\"?",
                          "bad.csv:3: team_id \"1\" is on line 2 already"));
}

TEST_F(MigrationFile, ErrorsNeverShowTheDsn) {
  const auto found = errors("version = 1\n[database]\ndsn = [\"postgresql://u:secret@h/d\"]\n");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0], Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace pgbackfill::planner
