#pragma once

#include "bench/workload.hpp"

#include <cstdint>

namespace pgbackfill::bench {

/// Rows of a rival's batch.
inline constexpr std::int64_t kRivalBatchRows = 5000;

/// The column that the rivals fill.
void add_tenant_column(const Database& database);

/// One UPDATE of everything on one connection. Returns the client's CPU seconds.
double run_one_update(const Database& database);

/// What backfill scripts do: batches of kRivalBatchRows in primary-key order, a transaction each,
/// `connections` of them side by side, each over its own share of the keys. They do not wait for
/// the disk at COMMIT (synchronous_commit off), as our batches do not either. Returns the client's
/// CPU seconds.
double run_keyset(const Database& database, const Cell& cell, int connections);

}  // namespace pgbackfill::bench
