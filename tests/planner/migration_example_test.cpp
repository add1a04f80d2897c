#include "planner/file/migration_file.hpp"
#include "planner/operations/convert/convert_spec.hpp"
#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/operations/enum/enum_spec.hpp"
#include "tests/planner/migration_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace pgbackfill::planner {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::SizeIs;

constexpr std::string_view kOrg = "00000000-0000-0000-0000-000000000001";

constexpr std::string_view kFullExample = R"toml(version = 1
[database]                                # optional: PG* variables and --dsn work too
dsn = "postgresql:///app"
schema = "public"

[run]                                     # each key is also a flag of `run`
workers = 4
method = "auto"                           # auto | copy | update | catalog
online = true                             # false: maintenance window
batch_time = "250ms"                      # what a batch may take; sizes adapt to it
lock_timeout = "2s"

[[ensure]]                                # rows that must exist first; idempotent
table = "organizations"
key = ["org_id"]
row = { org_id = "00000000-0000-0000-0000-000000000001", name = "Default" }

[tenant]
column = "org_id"
type = "uuid"
references = "organizations(org_id)"
on_delete = "no action"
value = { constant = "00000000-0000-0000-0000-000000000001" }
foreign_key = "fk_{table}_org_id_organizations"
index = "ix_{table}_org_id"

[[lookup]]                                # a mapping from outside the database
name = "team_orgs"
file = "team_orgs.csv"                    # header: team_id,org_id

[[table]]
name = "bookings"
required = true
value = { lookup = "team_orgs", key = "team_id", otherwise = "fail" }
indexes = [ { name = "ix_bookings_org_status", columns = ["org_id", "status"] } ]

[[table]]
name = "checklist_runs"
required = false
value = { parent = "bookings", via = "order_id", otherwise = { constant = "00000000-0000-0000-0000-000000000001" } }

[[table]]
name = "leads"
value = { sql = "coalesce(t.owner_org, ';'::text)::uuid", otherwise = "quarantine" }

[[table]]
name = "teams"

[[enum]]
type = "user_role"
values = ["worker", "foreman", "manager", "admin"]
map = { user = "worker" }
unmap = { worker = "user", foreman = "user" }
on_unmapped = "fail"
order = "strict"

[[convert]]
columns = ["organizations.org_id", "organization_billing.org_id", "organization_usage_events.org_id"]
type = "uuid"
)toml";

class FullExample : public MigrationFixture {
 protected:
  void SetUp() override {
    directory_.write("team_orgs.csv",
                     "team_id,org_id\n7,00000000-0000-0000-0000-000000000007\n"
                     "8,00000000-0000-0000-0000-000000000008\n");
    spec_ = read(kFullExample);
  }
  JobSpec spec_;
};

TEST_F(FullExample, DatabaseAndRun) {
  EXPECT_EQ(spec_.file, (directory_.path() / "job.toml").string());
  EXPECT_EQ(spec_.dsn, "postgresql:///app");
  EXPECT_EQ(spec_.schema, "public");
  EXPECT_EQ(spec_.run.workers, 4);
  EXPECT_EQ(spec_.run.method, MethodChoice::kAuto);
  EXPECT_TRUE(spec_.run.online);
  EXPECT_EQ(spec_.run.batch_time, std::chrono::milliseconds(250));
  EXPECT_EQ(spec_.run.lock_timeout, std::chrono::seconds(2));
}

TEST_F(FullExample, EnsureKeepsTheOrderOfTheFile) {
  ASSERT_THAT(spec_.of<EnsureSpec>(), SizeIs(1));
  EXPECT_EQ(spec_.of<EnsureSpec>()[0].table, "organizations");
  EXPECT_THAT(spec_.of<EnsureSpec>()[0].key, ElementsAre("org_id"));
  EXPECT_THAT(spec_.of<EnsureSpec>()[0].row,
              ElementsAre(Pair("org_id", kOrg), Pair("name", "Default")));
  EXPECT_EQ(spec_.of<EnsureSpec>()[0].position.line, 13);
}

TEST_F(FullExample, Tenant) {
  ASSERT_TRUE(spec_.tenant);
  EXPECT_EQ(spec_.tenant->column, "org_id");
  EXPECT_EQ(spec_.tenant->type, "uuid");
  EXPECT_EQ(spec_.tenant->references_table, "organizations");
  EXPECT_EQ(spec_.tenant->references_column, "org_id");
  EXPECT_EQ(spec_.tenant->on_delete, "no action");
  ASSERT_TRUE(spec_.tenant->value);
  EXPECT_EQ(spec_.tenant->value->kind, SourceKind::kConstant);
  EXPECT_EQ(spec_.tenant->value->constant, kOrg);
  EXPECT_EQ(spec_.tenant->foreign_key, "fk_{table}_org_id_organizations");
  EXPECT_EQ(spec_.tenant->index, "ix_{table}_org_id");
}

TEST_F(FullExample, LookupIsReadRelativeToTheFile) {
  const LookupSpec* lookup = spec_.lookup("team_orgs");
  ASSERT_NE(lookup, nullptr);
  EXPECT_EQ(lookup->file, "team_orgs.csv");
  EXPECT_THAT(lookup->entries, ElementsAre(Pair("7", "00000000-0000-0000-0000-000000000007"),
                                           Pair("8", "00000000-0000-0000-0000-000000000008")));
  EXPECT_THAT(lookup->lines, ElementsAre(2, 3));
}

TEST_F(FullExample, Tables) {
  ASSERT_THAT(spec_.tables, SizeIs(4));
  const TableSpec& bookings = spec_.tables[0];
  EXPECT_EQ(bookings.name, "bookings");
  EXPECT_EQ(bookings.required, true);
  ASSERT_TRUE(bookings.value);
  EXPECT_EQ(bookings.value->kind, SourceKind::kLookup);
  EXPECT_EQ(bookings.value->lookup, "team_orgs");
  EXPECT_EQ(bookings.value->key, "team_id");
  EXPECT_EQ(bookings.value->otherwise.kind, Otherwise::Kind::kFail);
  ASSERT_THAT(bookings.indexes, SizeIs(1));
  EXPECT_EQ(bookings.indexes[0].name, "ix_bookings_org_status");
  EXPECT_THAT(bookings.indexes[0].columns, ElementsAre("org_id", "status"));

  const TableSpec& runs = spec_.tables[1];
  EXPECT_EQ(runs.required, false);
  EXPECT_EQ(runs.value->kind, SourceKind::kParent);
  EXPECT_EQ(runs.value->parent, "bookings");
  EXPECT_EQ(runs.value->key, "order_id");
  EXPECT_EQ(runs.value->otherwise.kind, Otherwise::Kind::kConstant);
  EXPECT_EQ(runs.value->otherwise.constant, kOrg);

  const TableSpec& leads = spec_.tables[2];
  EXPECT_EQ(leads.required, std::nullopt);
  EXPECT_EQ(leads.value->kind, SourceKind::kSql);
  EXPECT_EQ(leads.value->expression, "coalesce(t.owner_org, ';'::text)::uuid");
  EXPECT_EQ(leads.value->otherwise.kind, Otherwise::Kind::kQuarantine);

  EXPECT_EQ(spec_.tables[3].value, std::nullopt);
}

TEST_F(FullExample, EnumAndConvert) {
  ASSERT_THAT(spec_.of<EnumSpec>(), SizeIs(1));
  const EnumSpec& role = spec_.of<EnumSpec>()[0];
  EXPECT_EQ(role.type, "user_role");
  EXPECT_THAT(role.values, ElementsAre("worker", "foreman", "manager", "admin"));
  EXPECT_THAT(role.map, ElementsAre(Pair("user", "worker")));
  EXPECT_THAT(role.unmap, ElementsAre(Pair("foreman", "user"), Pair("worker", "user")));
  EXPECT_EQ(role.on_unmapped, std::nullopt);
  EXPECT_TRUE(role.strict_order);
  ASSERT_THAT(spec_.of<ConvertSpec>(), SizeIs(1));
  EXPECT_THAT(spec_.of<ConvertSpec>()[0].columns, SizeIs(3));
  EXPECT_EQ(spec_.of<ConvertSpec>()[0].type, "uuid");
}

TEST_F(FullExample, DamagedFilesNeverCrash) {
  std::mt19937 random(20240101);
  std::uniform_int_distribution<std::size_t> place(1, kFullExample.size() - 1);
  std::uniform_int_distribution<int> byte(0, 255);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    std::string text(kFullExample.substr(0, i % 3 == 0 ? place(random) : kFullExample.size()));
    for (int change = 0; change <= i % 4; ++change) {
      text[place(random) % text.size()] = static_cast<char>(byte(random));
    }
    EXPECT_NO_THROW(refused += errors(text).empty() ? 0 : 1);
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace pgbackfill::planner
