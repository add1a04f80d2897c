#include "sql/protocol.hpp"

#include <utility>

namespace pgbackfill::sql {
namespace {

std::string field(const PGresult& result, int code) {
  const char* text = PQresultErrorField(&result, code);
  return text == nullptr ? std::string() : std::string(text);
}

Diagnostics diagnostics_of(const PGresult& result) {
  Diagnostics diagnostics;
  diagnostics.sqlstate = field(result, PG_DIAG_SQLSTATE);
  diagnostics.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (diagnostics.message.empty()) diagnostics.message = PQresultErrorMessage(&result);
  diagnostics.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  diagnostics.hint = field(result, PG_DIAG_MESSAGE_HINT);
  diagnostics.context = field(result, PG_DIAG_CONTEXT);
  diagnostics.schema = field(result, PG_DIAG_SCHEMA_NAME);
  diagnostics.table = field(result, PG_DIAG_TABLE_NAME);
  diagnostics.column = field(result, PG_DIAG_COLUMN_NAME);
  diagnostics.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  return diagnostics;
}

bool ends_session(std::string_view sqlstate, std::string_view severity) {
  if (severity == "FATAL" || severity == "PANIC") return true;
  // 08P01 is a class 08 code that a COPY with a malformed row gives on a healthy session.
  return sqlstate.starts_with("57P") || (sqlstate.starts_with("08") && sqlstate != "08P01");
}

/// Ends a COPY that nobody serves. False when the protocol state cannot be left.
bool abandon_copy(PGconn* connection, ExecStatusType status) {
  if (status == PGRES_COPY_IN) return PQputCopyEnd(connection, "COPY was not expected here") == 1;
  if (status == PGRES_COPY_OUT) {
    char* row = nullptr;
    while (PQgetCopyData(connection, &row, 0) > 0) {
      const MemoryHandle owned(row);
      row = nullptr;
    }
    return true;
  }
  return false;
}

/// A failed write leaves the status at OK until what the server said last has been read up to the
/// end of the stream.
bool link_lost(PGconn* connection) {
  constexpr int kReads = 8;
  for (int i = 0; i < kReads && PQstatus(connection) == CONNECTION_OK; ++i) {
    if (PQconsumeInput(connection) != 1) break;
  }
  return PQstatus(connection) != CONNECTION_OK;
}

bool is_copy(ExecStatusType status) {
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

}  // namespace

void throw_link_error(PGconn* connection, std::string statement) {
  Diagnostics diagnostics;
  diagnostics.message = PQerrorMessage(connection);
  const bool lost = link_lost(connection);
  throw Error(std::move(diagnostics), std::move(statement), lost);
}

void throw_result_error(PGconn* connection, const PGresult& result, std::string statement) {
  Diagnostics diagnostics = diagnostics_of(result);
  const bool lost =
      PQstatus(connection) != CONNECTION_OK ||
      (diagnostics.sqlstate.empty() && link_lost(connection)) ||
      ends_session(diagnostics.sqlstate, field(result, PG_DIAG_SEVERITY_NONLOCALIZED));
  throw Error(std::move(diagnostics), std::move(statement), lost);
}

bool is_failure(const PGresult* result) noexcept {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
         status == PGRES_NONFATAL_ERROR;
}

ResultHandle drain(PGconn* connection, std::string_view statement) {
  return std::move(drain_all(connection, statement).back());
}

std::vector<ResultHandle> drain_all(PGconn* connection, std::string_view statement) {
  std::vector<ResultHandle> results;
  ResultHandle failure;
  bool unexpected_copy = false;
  while (ResultHandle result{PQgetResult(connection)}) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (is_copy(status)) {
      unexpected_copy = true;
      if (!abandon_copy(connection, status)) break;
    } else if (is_failure(result.get())) {
      if (!failure) failure = std::move(result);
    } else {
      results.push_back(std::move(result));
    }
  }
  if (unexpected_copy) {
    Diagnostics diagnostics;
    diagnostics.message = "COPY from or to the client needs copy_in() or copy_out()";
    throw Error(std::move(diagnostics), std::string(statement),
                PQstatus(connection) != CONNECTION_OK);
  }
  if (failure) throw_result_error(connection, *failure, std::string(statement));
  if (results.empty()) throw_link_error(connection, std::string(statement));
  return results;
}

void drain_quietly(PGconn* connection) noexcept {
  while (const ResultHandle result{PQgetResult(connection)}) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (is_copy(status) && !abandon_copy(connection, status)) return;
  }
}

}  // namespace pgbackfill::sql
