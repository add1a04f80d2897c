#pragma once

#include "sql/binary_codec.hpp"
#include "tools/sample/sample.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::tools {

/// Writes the fields of sample rows in COPY's binary form, one call per column in the order of the
/// column list. Thread-compatible.
class RowWriter {
 public:
  /// Appends to `buffer`, which the caller may send and clear between rows.
  RowWriter(const Sample& sample, std::string& buffer) : sample_(sample), encoder_(buffer) {}

  void begin(std::int16_t columns) { encoder_.row(columns); }
  void null() { encoder_.null(); }
  void integer(int value) { encoder_.int32(value); }
  /// The integer key of a row: numbered from 1.
  void number(Row row) { encoder_.int32(static_cast<std::int32_t>(row + 1)); }
  void number(std::optional<Row> row) { row ? number(*row) : null(); }
  void text(std::string_view value) { encoder_.bytes(value); }
  void boolean(bool value) { encoder_.bytes(value ? kTrue : kFalse); }
  /// Microseconds since 2000-01-01 UTC.
  void timestamp(std::int64_t value) { encoder_.int64(value); }
  /// The day on which a timestamp falls (in UTC).
  void date(std::int64_t timestamp_value) {
    encoder_.int32(static_cast<std::int32_t>(timestamp_value / kDay));
  }
  void hour_of_day(int hours) { encoder_.int64(hours * kHour); }
  /// The text key of a row.
  void key(Table table, Row row) {
    const Key value = sample_.key(table, row);
    encoder_.bytes({value.data(), value.size()});
  }
  void key(Table table, std::optional<Row> row) { row ? key(table, *row) : null(); }
  /// The uuid of an organization, counted from 0.
  void organization(std::uint32_t index);
  /// 64 hex digits.
  void digest(Random& random);

  template <typename... Args>
  void format(fmt::format_string<Args...> pattern, Args&&... args) {
    scratch_.clear();
    fmt::format_to(fmt::appender(scratch_), pattern, std::forward<Args>(args)...);
    encoder_.bytes({scratch_.data(), scratch_.size()});
  }
  /// A jsonb value from JSON text.
  template <typename... Args>
  void json(fmt::format_string<Args...> pattern, Args&&... args) {
    scratch_.clear();
    scratch_.push_back('\1');  // the version number that jsonb's binary form begins with
    fmt::format_to(fmt::appender(scratch_), pattern, std::forward<Args>(args)...);
    encoder_.bytes({scratch_.data(), scratch_.size()});
  }

  static constexpr std::int64_t kHour = 3'600LL * 1'000'000;
  static constexpr std::int64_t kDay = 24 * kHour;

 private:
  static constexpr std::string_view kTrue{"\1", 1};
  static constexpr std::string_view kFalse{"\0", 1};

  const Sample& sample_;
  sql::CopyEncoder encoder_;
  fmt::memory_buffer scratch_;
};

}  // namespace pgbackfill::tools
