#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

struct CsvRecord {
  int line = 0;  ///< where it begins, counted from 1
  std::vector<std::string> fields;
};

/// Text that no reading of RFC 4180 allows; nothing after it can be trusted.
class CsvError : public std::runtime_error {
 public:
  CsvError(int line, const std::string& message) : std::runtime_error(message), line_(line) {}
  int line() const noexcept { return line_; }

 private:
  int line_;
};

/// Records of a comma-separated text: fields may be quoted ("" inside quotes is one quote), lines
/// end with LF or CRLF, a UTF-8 byte order mark at the front is skipped, empty lines too.
class CsvReader {
 public:
  /// `text` must outlive the reader.
  explicit CsvReader(std::string_view text);
  /// nullopt at the end. Throws CsvError.
  std::optional<CsvRecord> next();

 private:
  bool at_line_end() const;
  void skip_line_end();
  std::string field();
  std::string quoted_field();

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

/// Offset of the first byte that is not UTF-8 as PostgreSQL accepts it (NUL is not); nullopt when
/// there is none.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

}  // namespace pgbackfill::planner
