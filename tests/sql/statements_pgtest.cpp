#include "sql/statements.hpp"
#include "tests/support/pg_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace pgbackfill::sql {
namespace {

/// Files with several statements, which cannot be prepared: run before and after the others.
constexpr std::array<std::string_view, 2> kScripts{"ledger_schema", "ledger_drop"};

class StatementsTest : public test::PgTest {};

TEST_F(StatementsTest, EveryOneIsUnderstoodByTheServer) {
  create_citus_catalog();
  EXPECT_NO_THROW(session().execute(statement("ledger_schema")));
  for (const std::string_view name : statement_names()) {
    if (std::find(kScripts.begin(), kScripts.end(), name) != kScripts.end()) continue;
    try {
      session().prepare(name, statement(name));
    } catch (const Error& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
  EXPECT_NO_THROW(session().execute(statement("ledger_drop")));
}

TEST_F(StatementsTest, EveryOneSaysWhatItIs) {
  EXPECT_GE(statement_names().size(), 10U);
  for (const std::string_view name : statement_names()) {
    EXPECT_TRUE(statement(name).starts_with("-- ")) << name;
  }
}

TEST_F(StatementsTest, IndexBuildsShareAnEighthOfTheMemoryThatTheServerIsToldOf) {
  session().execute("SET effective_cache_size = '6GB'");
  session().execute(statement("maintenance_memory"), {"3"});
  EXPECT_EQ(value("SELECT pg_size_bytes(current_setting('maintenance_work_mem')) / 1024"),
            value("SELECT (6::bigint * 1024 * 1024 - pg_size_bytes(current_setting("
                  "'shared_buffers')) / 1024) / 8 / 3"));
  EXPECT_EQ(value("SHOW max_parallel_maintenance_workers"),
            value("SELECT least(2, current_setting('max_parallel_workers')::integer / 3)"));
}

TEST_F(StatementsTest, WhatAnOperatorSetForIndexBuildsStands) {
  session().execute("SET effective_cache_size = '6GB'");
  session().execute("SET maintenance_work_mem = '5MB'");
  session().execute("SET max_parallel_maintenance_workers = 1");
  session().execute(statement("maintenance_memory"), {"4"});
  EXPECT_EQ(value("SHOW maintenance_work_mem"), "5MB");
  EXPECT_EQ(value("SHOW max_parallel_maintenance_workers"), "1");
}

TEST_F(StatementsTest, AnUnknownNameIsAnError) {
  EXPECT_THROW(statement("no_such_statement"), std::out_of_range);
}

}  // namespace
}  // namespace pgbackfill::sql
