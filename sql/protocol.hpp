#pragma once

#include "sql/error.hpp"
#include "sql/handles.hpp"

#include <libpq-fe.h>

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::sql {

/// Throws what libpq itself says about `connection`, for failures without a result.
[[noreturn]] void throw_link_error(PGconn* connection, std::string statement);

/// Throws a failed result as an Error.
[[noreturn]] void throw_result_error(PGconn* connection, const PGresult& result,
                                     std::string statement);

/// True for results that report a failure.
bool is_failure(const PGresult* result) noexcept;

/// Reads the running command to its end, so that the connection is idle (or known to be lost)
/// afterwards. Returns the last result. Throws the first failure: when the server closes the
/// session, that one has the SQLSTATE and the later ones do not. A COPY found on the way is
/// ended and reported as an error.
ResultHandle drain(PGconn* connection, std::string_view statement);

/// As drain(), with the results of all the command's statements, at least one.
std::vector<ResultHandle> drain_all(PGconn* connection, std::string_view statement);

/// drain() for destructors: drops results and failures alike.
void drain_quietly(PGconn* connection) noexcept;

}  // namespace pgbackfill::sql
