#pragma once

#include "planner/plan/plan.hpp"

#include <string>

namespace pgbackfill::planner {

/// By the planner's estimates; at least 1.
double rows_per_block(const TableBackfill& table);

/// How many passes over each page make a backfill in block order cheapest; 1 for tables of a few
/// blocks. A pass that touches r rows of a page moves those away for which it finds no room, and
/// there are rows / r passes.
int cheapest_passes(const TableBackfill& table);

/// The part of the rows, 0 to 1, whose new versions find no room in their pages, with so many passes
/// (block order): each moves and enters every index anew.
double moved_share(const TableBackfill& table, int passes);

/// What a row costs by a method, in microseconds of server and client, in the table's order and
/// with so many passes (block order).
double row_cost(const TableBackfill& table, Method method, int passes);

/// Copy or update, whichever costs less. `passes`: as set, or 0.
Method cheapest_method(const TableBackfill& table, int passes);

/// What decides about the table's method, and what it costs, for people.
std::string describe_cost(const TableBackfill& table, int passes);

}  // namespace pgbackfill::planner
