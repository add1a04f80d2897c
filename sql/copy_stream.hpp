#pragma once

#include "sql/connection.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::sql {

/// COPY … FROM STDIN in progress. Bytes go in by put(); finish() ends it. Left without finish(),
/// the COPY is made to fail and its error dropped.
class CopyIn {
 public:
  explicit CopyIn(Connection& connection, std::string statement);
  ~CopyIn();
  CopyIn(const CopyIn&) = delete;
  CopyIn& operator=(const CopyIn&) = delete;

  void put(std::string_view bytes);
  /// Sends the end of the COPY: from here on what stands after it runs whether or not its results
  /// are read.
  void end();
  /// Ends the COPY, unless end() has, and runs to their end the statements that stand after it. The
  /// results of the
  /// COPY and of each of them, in order. The first's affected() is the number of rows the server
  /// took: it accepts a binary COPY without its trailer silently, so callers compare it with what
  /// they sent.
  std::vector<Result> finish();

 private:
  enum class State { kCopying, kEnded, kOver };
  Connection& connection_;
  std::string statement_;
  State state_ = State::kCopying;
};

/// COPY … TO STDOUT in progress. next() gives one CopyData message (one row; for the binary
/// format the first also carries the header) until it returns false. Left early, the COPY is
/// cancelled and drained.
class CopyOut {
 public:
  explicit CopyOut(Connection& connection, std::string statement);
  ~CopyOut();
  CopyOut(const CopyOut&) = delete;
  CopyOut& operator=(const CopyOut&) = delete;

  /// `row` is valid until the next call.
  bool next(std::string_view& row);

 private:
  Connection& connection_;
  std::string statement_;
  MemoryHandle buffer_;
  bool open_ = true;
};

}  // namespace pgbackfill::sql
