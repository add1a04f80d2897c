#pragma once

#include <libpq-fe.h>

#include <memory>

namespace pgbackfill::sql {

/// Releases a libpq allocation with the function libpq documents for it.
template <auto Free>
struct Releaser {
  void operator()(auto* handle) const noexcept { Free(handle); }
};

using ConnHandle = std::unique_ptr<PGconn, Releaser<&PQfinish>>;
using ResultHandle = std::unique_ptr<PGresult, Releaser<&PQclear>>;
using CancelHandle = std::unique_ptr<PGcancel, Releaser<&PQfreeCancel>>;
/// For what libpq hands out to be freed with PQfreemem (COPY buffers, notifies).
using MemoryHandle = std::unique_ptr<char, Releaser<&PQfreemem>>;

static_assert(sizeof(ConnHandle) == sizeof(PGconn*));

}  // namespace pgbackfill::sql
