#pragma once

#include "sql/handles.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::sql {

/// Rows of a finished statement, in text format. Reads are bounds-checked: an index outside the
/// result, an unexpected NULL or an unparsable value throws std::logic_error naming the column.
/// Thread-compatible.
class Result {
 public:
  Result() = default;
  explicit Result(ResultHandle handle) noexcept : handle_(std::move(handle)) {}

  int rows() const noexcept;
  int columns() const noexcept;
  std::string_view column_name(int column) const;
  bool is_null(int row, int column) const;
  /// The bytes of a value; valid while this Result lives. NULL throws.
  std::string_view text(int row, int column) const;
  std::optional<std::string> optional_text(int row, int column) const;
  std::int64_t integer(int row, int column) const;
  double real(int row, int column) const;
  bool boolean(int row, int column) const;
  /// Elements of a one-dimensional text[] value; NULL elements become empty strings.
  std::vector<std::string> text_array(int row, int column) const;
  /// Rows touched by INSERT, UPDATE, DELETE, MOVE, FETCH or COPY; 0 for others.
  std::int64_t affected() const;

 private:
  ResultHandle handle_;
};

/// A one-dimensional array literal of text for a `$n::text[]` parameter.
std::string text_array_literal(const std::vector<std::string>& values);

}  // namespace pgbackfill::sql
