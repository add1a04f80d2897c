#pragma once

#include "engine/engine.hpp"
#include "engine/ledger/ledger.hpp"

#include <string>

namespace pgbackfill::engine {

/// "bookings: 1203 rows without org_id since 2026-01-02 12:03 UTC, the last 2 s ago".
std::string describe(const FillRecord& fill);

/// Before the stage enforce: from there on a row that names no organization is refused, which an
/// application that does not send it yet feels at once. Warns of the tables that had such rows or,
/// where RunOptions::enforce_when_quiet says so, waits until none has had one for as long. False
/// when a stop came first.
bool pass_fill_gate(Ledger& ledger, int job_id, const planner::RunOptions& run,
                    const StopSignal& stop, const LogSink& log);

}  // namespace pgbackfill::engine
