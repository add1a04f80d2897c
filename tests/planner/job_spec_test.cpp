#include "planner/job_spec.hpp"

#include "planner/file/sql_expression.hpp"
#include "planner/operations/convert/convert_spec.hpp"
#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "planner/sql_type.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Duration, ReadsItsUnits) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("2s"), milliseconds(2000));
  EXPECT_EQ(parse_duration("1min"), milliseconds(60'000));
  EXPECT_EQ(parse_duration("10m"), milliseconds(600'000));
  EXPECT_EQ(parse_duration("24h"), milliseconds(86'400'000));
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "5", "5 s", "-1s", "0ms", "1.5s", "2S", "2sec", "ms5", "25h",
                           "86400001ms", "9223372036854775807min", "99999999999999999999s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Size, IsWrittenAsPostgresWritesIt) {
  EXPECT_EQ(parse_size("1B"), 1);
  EXPECT_EQ(parse_size("512kB"), 512 * 1024);
  EXPECT_EQ(parse_size("64MB"), std::int64_t{64} << 20);
  EXPECT_EQ(parse_size("10GB"), std::int64_t{10} << 30);
  EXPECT_EQ(parse_size("2TB"), std::int64_t{2} << 40);
  for (const char* text : {"", "MB", "64", "64 MB", "-1MB", "0MB", "1.5GB", "64mb", "64MiB",
                           "9999999999TB", "99999999999999999999B"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(SpecError, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ((SpecError{{"a.toml", 3, 7}, "bad"}.to_string()), "a.toml:3:7: bad");
  EXPECT_EQ((SpecError{{"a.csv", 3, 0}, "bad"}.to_string()), "a.csv:3: bad");
  EXPECT_EQ((SpecError{{"a.toml", 0, 0}, "bad"}.to_string()), "bad");
}

JobSpec sample() {
  JobSpec spec;
  spec.file = "one.toml";
  spec.dsn = "postgresql://u:secret@h/db";
  auto& tenant = spec.tenant.emplace();
  tenant.references_table = "organizations";
  tenant.references_column = "org_id";
  tenant.value.emplace().constant = "o'1";
  spec.of<EnsureSpec>().push_back(
      {"organizations", {"org_id"}, {{"org_id", "o1"}, {"name", "D"}}, "", {}, {}});
  LookupSpec lookup;
  lookup.name = "team_orgs";
  lookup.entries = {{"1", "a"}, {"2", "b"}};
  spec.lookups.push_back(lookup);
  TableSpec teams;
  teams.name = "teams";
  teams.value.emplace();
  teams.value->kind = SourceKind::kLookup;
  teams.value->lookup = "team_orgs";
  teams.value->key = "team_id";
  TableSpec bookings;
  bookings.name = "bookings";
  bookings.value.emplace();
  bookings.value->kind = SourceKind::kParent;
  bookings.value->parent = "teams";
  bookings.value->key = "team_id";
  bookings.value->otherwise = {Otherwise::Kind::kConstant, "o1"};
  bookings.indexes.push_back({"ix_b", {"org_id", "status"}, {}});
  TableSpec leads;
  leads.name = "leads";
  leads.required = false;
  spec.tables = {teams, bookings, leads};
  EnumSpec role;
  role.type = "user_role";
  role.values = {"worker", "admin"};
  role.map = {{"user", "worker"}};
  role.unmap = {{"worker", "user"}};
  spec.of<EnumSpec>().push_back(role);
  spec.of<ConvertSpec>().push_back({{"a.b", "c.d"}, "uuid", {}});
  return spec;
}

// A golden text: half-done jobs keep it in their ledger.
TEST(CanonicalLines, StateEachFactOnce) {
  const std::vector<std::string> expected{
      "schema = public",
      "ensure organizations by org_id = org_id 'o1', name 'D'",
      "convert a.b, c.d = uuid",
      "tenant: column = org_id uuid",
      "tenant: references = organizations(org_id) on delete no action",
      "tenant: foreign key = fk_{table}_{column}_{references}",
      "tenant: index = ix_{table}_{column}",
      "lookup 'team_orgs' = 2 entries, digest 4a6337bf2b37862d",
      "table bookings: value = parent teams via team_id, otherwise constant 'o1'",
      "table bookings: index ix_b = org_id, status",
      "table leads: value = constant 'o\\'1'",
      "table leads: required = false",
      "table teams: value = lookup 'team_orgs' by team_id, otherwise fail",
      "enum user_role: values = 'worker', 'admin'",
      "enum user_role: map = 'user' -> 'worker'",
      "enum user_role: unmap = 'worker' -> 'user'",
      "enum user_role: on unmapped = fail",
      "enum user_role: order = strict"};
  EXPECT_EQ(canonical_lines(sample()), expected);
}

TEST(CanonicalLines, DoNotDependOnTheFileTheRunOrTheOrderOfBlocks) {
  const JobSpec spec = sample();
  JobSpec other = spec;
  other.file = "/elsewhere/two.toml";
  other.dsn = "other";
  other.run.workers = 17;
  other.run.batch_time = milliseconds(9);
  other.tenant->type = "UUID";
  other.tenant->position = {"x", 9, 9};
  other.tables[1].name = "public.bookings";
  other.tables[0].required = true;
  std::reverse(other.tables.begin(), other.tables.end());
  std::reverse(other.lookups[0].entries.begin(), other.lookups[0].entries.end());
  EXPECT_EQ(canonical_lines(other), canonical_lines(spec));
  EXPECT_EQ(fingerprint(canonical_lines(other)), fingerprint(canonical_lines(spec)));
}

TEST(CanonicalLines, NeverHoldTheDsn) {
  for (const std::string& line : canonical_lines(sample())) {
    EXPECT_EQ(line.find("secret"), std::string::npos) << line;
  }
}

TEST(CanonicalLines, KeepAValueOnOneLine) {
  JobSpec spec = sample();
  spec.tables[0].value->kind = SourceKind::kSql;
  spec.tables[0].value->expression = "a\nb";
  EXPECT_THAT(canonical_lines(spec), Contains("table teams: value = sql 'a\\nb', otherwise fail"));
}

template <typename Change>
std::vector<std::string> change_of(Change change) {
  JobSpec after = sample();
  change(after);
  EXPECT_NE(fingerprint(canonical_lines(after)), fingerprint(canonical_lines(sample())));
  return difference(canonical_lines(sample()), canonical_lines(after));
}

TEST(Difference, ShowsWhatChanged) {
  EXPECT_THAT(change_of([](JobSpec& spec) { spec.schema = "app"; }), Contains("- schema = public"));
  EXPECT_THAT(change_of([](JobSpec& spec) { spec.tables[1].value->otherwise = {}; }),
              ElementsAre("- table bookings: value = parent teams via team_id, otherwise "
                          "constant 'o1'",
                          "+ table bookings: value = parent teams via team_id, otherwise fail"));
  EXPECT_THAT(change_of([](JobSpec& spec) { spec.of<EnumSpec>()[0].strict_order = false; }),
              ElementsAre("- enum user_role: order = strict", "+ enum user_role: order = any"));
  EXPECT_THAT(
      change_of([](JobSpec& spec) { spec.tables.pop_back(); }),
      ElementsAre("- table leads: value = constant 'o\\'1'", "- table leads: required = false"));
  EXPECT_THAT(change_of([](JobSpec& spec) {
                spec.tables[0].indexes.push_back({"i", {"x"}, {}});
              }),
              ElementsAre("+ table teams: index i = x"));
}

TEST(Difference, SeesAChangedLookupEntry) {
  const auto lines = change_of([](JobSpec& spec) { spec.lookups[0].entries[0].second = "z"; });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("- lookup 'team_orgs' = 2 entries")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("+ lookup 'team_orgs' = 2 entries")) << lines[1];
}

TEST(Difference, CountsRepeatedLines) {
  EXPECT_THAT(difference({"a", "a"}, {"a"}), ElementsAre("- a"));
  EXPECT_THAT(difference({"a"}, {"a"}), IsEmpty());
}

TEST(Fingerprint, IsFixedForTheLedger) {
  EXPECT_EQ(fingerprint({}), "cbf29ce484222325");
  EXPECT_EQ(fingerprint({""}), "af63bd4c8601b7df");
  EXPECT_NE(fingerprint({"a", "b"}), fingerprint({"ab"}));
}

TEST(JobSpec, FindsALookupByName) {
  const JobSpec spec = sample();
  EXPECT_EQ(spec.lookup("team_orgs"), &spec.lookups[0]);
  EXPECT_EQ(spec.lookup("teams"), nullptr);
}

TEST(SqlType, ResolvesAliases) {
  EXPECT_EQ(normalise_type("varchar(36)"), "character varying(36)");
  EXPECT_EQ(normalise_type(" VarChar ( 36 ) "), "character varying(36)");
  EXPECT_EQ(normalise_type("character  varying(36)"), "character varying(36)");
  EXPECT_EQ(normalise_type("INT"), "integer");
  EXPECT_EQ(normalise_type("int4"), "integer");
  EXPECT_EQ(normalise_type("int8"), "bigint");
  EXPECT_EQ(normalise_type("int2"), "smallint");
  EXPECT_EQ(normalise_type("pg_catalog.int8"), "bigint");
  EXPECT_EQ(normalise_type("char"), "character(1)");
  EXPECT_EQ(normalise_type("char(3)"), "character(3)");
  EXPECT_EQ(normalise_type("decimal(10, 2)"), "numeric(10,2)");
  EXPECT_EQ(normalise_type("timestamptz"), "timestamp with time zone");
  EXPECT_EQ(normalise_type("timestamp(3)"), "timestamp(3) without time zone");
  EXPECT_EQ(normalise_type("timestamp(3) with time zone"), "timestamp(3) with time zone");
  EXPECT_EQ(normalise_type("app.\"Key Type\""), "app.\"Key Type\"");
  EXPECT_NE(normalise_type("text"), normalise_type("varchar"));
}

TEST(SqlType, GroupsFamilies) {
  EXPECT_TRUE(same_family("smallint", "bigint"));
  EXPECT_TRUE(same_family("text", "character varying(36)"));
  EXPECT_FALSE(same_family("uuid", "text"));
  EXPECT_FALSE(same_family("integer", "text"));
  EXPECT_FALSE(same_family("numeric", "date"));
  EXPECT_TRUE(same_family("date", "date"));
  EXPECT_FALSE(same_family("text[]", "text"));
}

TEST(SqlExpression, AcceptsOneExpression) {
  for (const char* text :
       {"org_id", "coalesce(t.a, 'x;y')", "\"odd;name\"", "E'a\\';b'", "$$;$$", "$q$ ; $x$ $q$",
        "'it''s'", "a - -b", "case when a = ')' then 1 end", "t.payload->>'org'"}) {
    EXPECT_EQ(expression_defect(text), std::nullopt) << text;
  }
}

TEST(SqlExpression, RefusesWhatWouldEscapeItsPlace) {
  for (const char* text : {"", " \n", "a; drop table x", "a -- b", "a /* b */", "'open", "\"open",
                           "$$open", "$a$ $b$", "(a", "a)", "a) + (b", "'x\\'; y", "(a))("}) {
    EXPECT_NE(expression_defect(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pgbackfill::planner
