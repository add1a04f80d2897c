#include "engine/backfill/resolver.hpp"

#include "sql/binary_codec.hpp"

#include <gtest/gtest.h>

namespace pgbackfill::engine {
namespace {

using planner::Otherwise;
using planner::ResolveKind;

constexpr const char* kDefault = "00000000-0000-0000-0000-000000000001";

planner::JobSpec spec_with_lookup() {
  planner::JobSpec spec;
  planner::LookupSpec lookup;
  lookup.name = "team_orgs";
  lookup.entries = {{"1", "00000000-0000-0000-0000-000000000101"},
                    {"2", "00000000-0000-0000-0000-000000000102"}};
  spec.lookups.push_back(lookup);
  return spec;
}

planner::TableBackfill table(ResolveKind kind) {
  planner::Assignment assignment;
  assignment.column = "org_id";
  assignment.type = "uuid";
  assignment.resolve = kind;
  assignment.constant = kDefault;
  assignment.lookup = "team_orgs";
  assignment.input = "team_id";
  assignment.input_type = "integer";
  planner::TableBackfill backfill;
  backfill.table = {"public", "bookings"};
  backfill.assignments = {assignment};
  return backfill;
}

std::string uuid(const char* text) { return sql::encode_text(sql::WireType::kUuid, text).value(); }

TEST(Resolver, ConstantNeedsNoInput) {
  const Resolver resolver(table(ResolveKind::kConstant), {});
  EXPECT_EQ(resolver.value(0, std::nullopt), uuid(kDefault));
}

TEST(Resolver, LookupGoesByTheKeysBinaryForm) {
  const Resolver resolver(table(ResolveKind::kLookup), spec_with_lookup());
  EXPECT_EQ(resolver.value(0, sql::encode_int32(2)), uuid("00000000-0000-0000-0000-000000000102"));
  EXPECT_EQ(resolver.value(0, sql::encode_int32(3)), std::nullopt);
  EXPECT_EQ(resolver.value(0, std::nullopt), std::nullopt);
}

TEST(Resolver, OtherwiseTakesNullAndUnknownKeys) {
  auto backfill = table(ResolveKind::kLookup);
  backfill.assignments[0].otherwise = {Otherwise::Kind::kConstant, kDefault};
  const Resolver resolver(backfill, spec_with_lookup());
  EXPECT_EQ(resolver.value(0, sql::encode_int32(3)), uuid(kDefault));
  EXPECT_EQ(resolver.value(0, std::nullopt), uuid(kDefault));
}

TEST(Resolver, RemapKnowsItsLabelsOnly) {
  auto backfill = table(ResolveKind::kRemap);
  backfill.assignments[0].remap = {{"user", "worker"}, {"admin", "admin"}};
  const Resolver resolver(backfill, {});
  EXPECT_EQ(resolver.value(0, "user"), "worker");
  EXPECT_EQ(resolver.value(0, "admin"), "admin");
  EXPECT_EQ(resolver.value(0, "intruder"), std::nullopt);
  EXPECT_EQ(resolver.value(0, std::nullopt), std::nullopt);
}

TEST(Resolver, ServerValuesPassThrough) {
  const Resolver resolver(table(ResolveKind::kServer), {});
  EXPECT_EQ(resolver.value(0, uuid(kDefault)), uuid(kDefault));
  EXPECT_EQ(resolver.value(0, std::nullopt), std::nullopt);
}

TEST(Resolver, AValueThatIsNotOfTheTypeIsAnError) {
  auto backfill = table(ResolveKind::kConstant);
  backfill.assignments[0].constant = "not-a-uuid";
  EXPECT_THROW(Resolver(backfill, {}), std::runtime_error);
}

}  // namespace
}  // namespace pgbackfill::engine
