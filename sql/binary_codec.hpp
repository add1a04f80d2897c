#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::sql {

/// The binary COPY format: signature, flags and extension length at the front; rows of
/// (int16 field count, then per field int32 length or -1 and that many bytes); int16 -1 at the
/// end. All integers big-endian. Source: PostgreSQL documentation, COPY, "Binary Format".
inline constexpr std::string_view kCopyHeader{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
inline constexpr std::string_view kCopyTrailer{"\377\377", 2};

/// Position of a row version in its table. `offset` counts line pointers from 1.
/// Wire form: uint32 block, uint16 offset.
struct TupleId {
  std::uint32_t block = 0;
  std::uint16_t offset = 0;
  auto operator<=>(const TupleId&) const = default;
};

/// Appends rows of a binary COPY to a buffer that the caller may send and clear at any time.
class CopyEncoder {
 public:
  explicit CopyEncoder(std::string& buffer) noexcept : buffer_(buffer) {}
  void header() { buffer_.append(kCopyHeader); }
  void trailer() { buffer_.append(kCopyTrailer); }
  void row(std::int16_t fields);
  void null();
  /// A field that is already in its type's binary form.
  void bytes(std::string_view value);
  void int32(std::int32_t value);
  void int64(std::int64_t value);
  void tuple_id(TupleId value);

 private:
  std::string& buffer_;
};

/// Reads the fields of one CopyData message. Throws std::runtime_error on malformed input.
class CopyRowReader {
 public:
  /// `message` may begin with the header; it is skipped. `at_end()` is true for the trailer.
  explicit CopyRowReader(std::string_view message);
  bool at_end() const noexcept { return fields_ < 0; }
  int fields() const noexcept { return fields_; }
  /// The next field's bytes; nullopt for NULL.
  std::optional<std::string_view> next();

 private:
  std::string_view rest_;
  int fields_;
};

TupleId decode_tuple_id(std::string_view bytes);
std::string encode_int16(std::int16_t value);
std::string encode_int32(std::int32_t value);
std::string encode_int64(std::int64_t value);
std::int64_t decode_integer(std::string_view bytes);  ///< 2, 4 or 8 bytes

/// The 16 bytes of a uuid as PostgreSQL reads it (upper case, braces and odd dashes allowed);
/// nullopt when it is not one.
std::optional<std::array<std::byte, 16>> parse_uuid(std::string_view text);

/// How a type's values travel: the families whose text form we can turn into the binary form
/// ourselves. kOther values are left to the server.
enum class WireType { kInt2, kInt4, kInt8, kUuid, kText, kEnum, kOther };

/// From format_type() text ("integer", "character varying(36)", …); user-defined enums must be
/// told by the caller, everything unknown is kOther.
WireType wire_type(std::string_view format_type);

/// Binary form of a value given as text; nullopt when the text is not a value of the type
/// (or the type is kOther).
std::optional<std::string> encode_text(WireType type, std::string_view text);

}  // namespace pgbackfill::sql
