#include "planner/values/fill_counter.hpp"

#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

using sql::quote_literal;

FillCounter::FillCounter(const ValueWork& work)
    : label_(work.label),
      column_(work.name),
      counter_(ledger_function("fills", work.table->name, work.detail()).quoted()),
      clock_(ledger_function("filled_at", work.table->name, work.detail()).quoted()),
      function_(ledger_function("filled", work.table->name, work.detail()).quoted()) {}

std::vector<std::string> FillCounter::create() const {
  return {fmt::format("CREATE SEQUENCE IF NOT EXISTS {}", counter_),
          fmt::format("CREATE SEQUENCE IF NOT EXISTS {}", clock_),
          fmt::format("INSERT INTO pgbackfill.fill (table_name, column_name, counter, clock) "
                      "VALUES ({}, {}, {}, {}) "
                      "ON CONFLICT (table_name, column_name) DO UPDATE SET since = excluded.since",
                      quote_literal(label_), quote_literal(column_), quote_literal(counter_),
                      quote_literal(clock_))};
}

std::vector<std::string> FillCounter::drop() const {
  return {fmt::format("DROP FUNCTION IF EXISTS {}(anyelement)", function_),
          fmt::format("DROP SEQUENCE IF EXISTS {}, {}", counter_, clock_),
          fmt::format("DELETE FROM pgbackfill.fill WHERE table_name = {} AND column_name = {}",
                      quote_literal(label_), quote_literal(column_))};
}

std::vector<std::string> FillCounter::create_function() const {
  // Whoever inserts a row runs it, so it must not need a privilege of theirs.
  return {fmt::format("CREATE OR REPLACE FUNCTION {}(value anyelement) RETURNS anyelement LANGUAGE "
                      "plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {}",
                      function_, quote_literal("BEGIN\n" + count() + "  RETURN value;\nEND")),
          fmt::format("GRANT EXECUTE ON FUNCTION {}(anyelement) TO PUBLIC", function_)};
}

std::string FillCounter::counted(const std::string& value) const {
  return fmt::format("{}({})", function_, value);
}

std::string FillCounter::count() const {
  // The clock is set once a second, since that is logged each time.
  return fmt::format(
      "  PERFORM nextval({0});\n"
      "  PERFORM setval({1}, s.now) FROM (SELECT extract(epoch FROM clock_timestamp())::bigint AS "
      "now) AS s WHERE pg_sequence_last_value({1}::regclass) IS DISTINCT FROM s.now;\n",
      quote_literal(counter_), quote_literal(clock_));
}

}  // namespace pgbackfill::planner
