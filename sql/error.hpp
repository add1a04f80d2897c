#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace pgbackfill::sql {

/// What the server (or libpq) said about a failure. Empty members were not given.
struct Diagnostics {
  std::string sqlstate;  ///< five characters; empty when libpq itself failed (no server involved)
  std::string message;   ///< primary message, one line
  std::string detail;
  std::string hint;
  std::string context;
  std::string schema;
  std::string table;
  std::string column;
  std::string constraint;
};

/// The one exception of this layer: a statement, COPY or connection failed.
class Error : public std::runtime_error {
 public:
  /// `statement` is what was running: SQL text or a prepared statement's name. Never holds a
  /// password: connection strings are not statements.
  Error(Diagnostics diagnostics, std::string statement, bool connection_lost);

  const Diagnostics& diagnostics() const noexcept { return diagnostics_; }
  std::string_view sqlstate() const noexcept { return diagnostics_.sqlstate; }
  const std::string& statement() const noexcept { return statement_; }
  /// True when the connection cannot be used any more and must be opened anew.
  bool connection_lost() const noexcept { return connection_lost_; }

 private:
  Diagnostics diagnostics_;
  std::string statement_;
  bool connection_lost_;
};

}  // namespace pgbackfill::sql
