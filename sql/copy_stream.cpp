#include "sql/copy_stream.hpp"

#include "sql/protocol.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <utility>

namespace pgbackfill::sql {
namespace {

/// Sends `statements` and reads results up to the start of the COPY.
void start_copy(PGconn* link, const std::string& statements, ExecStatusType expected) {
  if (PQsendQuery(link, statements.c_str()) != 1) throw_link_error(link, statements);
  while (ResultHandle result{PQgetResult(link)}) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == expected) return;
    if (is_failure(result.get())) {
      drain_quietly(link);
      throw_result_error(link, *result, statements);
    }
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      if (status == PGRES_COPY_IN) PQputCopyEnd(link, "COPY in the other direction was expected");
      drain_quietly(link);
      break;
    }
  }
  if (PQstatus(link) != CONNECTION_OK) throw_link_error(link, statements);
  Diagnostics diagnostics;
  diagnostics.message = expected == PGRES_COPY_IN ? "the statement is not a COPY FROM STDIN"
                                                  : "the statement is not a COPY TO STDOUT";
  throw Error(std::move(diagnostics), statements, false);
}

}  // namespace

CopyIn::CopyIn(Connection& connection, std::string statement)
    : connection_(connection), statement_(std::move(statement)) {
  start_copy(connection_.native(), statement_, PGRES_COPY_IN);
}

CopyIn::~CopyIn() {
  if (state_ == State::kOver) return;
  if (state_ == State::kCopying) {
    PQputCopyEnd(connection_.native(), "abandoned by the client");
  }
  drain_quietly(connection_.native());
}

void CopyIn::put(std::string_view bytes) {
  PGconn* link = connection_.native();
  while (!bytes.empty()) {
    constexpr std::size_t kMost = std::numeric_limits<int>::max();
    const std::size_t length = std::min(bytes.size(), kMost);
    if (PQputCopyData(link, bytes.data(), static_cast<int>(length)) != 1) {
      // The server has ended the COPY; its reason waits among the results.
      state_ = State::kOver;
      drain(link, statement_);
      throw_link_error(link, statement_);
    }
    bytes.remove_prefix(length);
  }
}

void CopyIn::end() {
  state_ = State::kEnded;
  // A failure to send the end shows among the results with a better reason than libpq's own.
  PQputCopyEnd(connection_.native(), nullptr);
}

std::vector<Result> CopyIn::finish() {
  PGconn* link = connection_.native();
  if (state_ == State::kCopying) end();
  state_ = State::kOver;
  std::vector<Result> results;
  for (ResultHandle& result : drain_all(link, statement_)) results.emplace_back(std::move(result));
  return results;
}

CopyOut::CopyOut(Connection& connection, std::string statement)
    : connection_(connection), statement_(std::move(statement)) {
  start_copy(connection_.native(), statement_, PGRES_COPY_OUT);
}

CopyOut::~CopyOut() {
  if (!open_) return;
  connection_.canceller().cancel();
  PGconn* link = connection_.native();
  char* row = nullptr;
  while (PQgetCopyData(link, &row, 0) > 0) {
    const MemoryHandle owned(row);
    row = nullptr;
  }
  drain_quietly(link);
}

bool CopyOut::next(std::string_view& row) {
  if (!open_) return false;
  PGconn* link = connection_.native();
  char* data = nullptr;
  const int length = PQgetCopyData(link, &data, 0);
  buffer_.reset(data);
  if (length > 0) {
    row = std::string_view(data, static_cast<std::size_t>(length));
    return true;
  }
  open_ = false;
  drain(link, statement_);
  return false;
}

}  // namespace pgbackfill::sql
