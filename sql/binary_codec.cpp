#include "sql/binary_codec.hpp"

#include <charconv>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <type_traits>

namespace pgbackfill::sql {
namespace {

template <typename Unsigned>
void append_big_endian(std::string& buffer, Unsigned value) {
  for (int shift = static_cast<int>(sizeof(Unsigned)) * 8 - 8; shift >= 0; shift -= 8) {
    buffer += static_cast<char>((value >> shift) & 0xFFU);
  }
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = (value << 8U) | static_cast<unsigned char>(c);
  return value;
}

std::string_view take(std::string_view& rest, std::size_t length) {
  if (rest.size() < length) throw std::runtime_error("binary COPY: a message ends too early");
  const std::string_view taken = rest.substr(0, length);
  rest.remove_prefix(length);
  return taken;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

template <typename Integer>
std::optional<std::string> encode_integer(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  std::string bytes;
  append_big_endian(bytes, static_cast<std::make_unsigned_t<Integer>>(value));
  return bytes;
}

}  // namespace

void CopyEncoder::row(std::int16_t fields) {
  append_big_endian(buffer_, static_cast<std::uint16_t>(fields));
}

void CopyEncoder::null() { append_big_endian(buffer_, std::uint32_t{0xFFFFFFFF}); }

void CopyEncoder::bytes(std::string_view value) {
  if (value.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw std::length_error("binary COPY: a field is longer than 2 GB");
  }
  append_big_endian(buffer_, static_cast<std::uint32_t>(value.size()));
  buffer_.append(value);
}

void CopyEncoder::int32(std::int32_t value) {
  append_big_endian(buffer_, std::uint32_t{4});
  append_big_endian(buffer_, static_cast<std::uint32_t>(value));
}

void CopyEncoder::int64(std::int64_t value) {
  append_big_endian(buffer_, std::uint32_t{8});
  append_big_endian(buffer_, static_cast<std::uint64_t>(value));
}

void CopyEncoder::tuple_id(TupleId value) {
  append_big_endian(buffer_, std::uint32_t{6});
  append_big_endian(buffer_, value.block);
  append_big_endian(buffer_, value.offset);
}

CopyRowReader::CopyRowReader(std::string_view message) : rest_(message), fields_(0) {
  constexpr std::size_t kFixedHeader = kCopyHeader.size() - 4;
  constexpr std::string_view kSignature = kCopyHeader.substr(0, 11);
  if (rest_.starts_with(kSignature)) {
    take(rest_, kFixedHeader);
    take(rest_, static_cast<std::size_t>(read_big_endian(take(rest_, 4))));
  }
  fields_ = static_cast<std::int16_t>(read_big_endian(take(rest_, 2)));
}

std::optional<std::string_view> CopyRowReader::next() {
  const auto length = static_cast<std::int32_t>(read_big_endian(take(rest_, 4)));
  if (length == -1) return std::nullopt;
  if (length < 0) throw std::runtime_error("binary COPY: a field has a negative length");
  return take(rest_, static_cast<std::size_t>(length));
}

TupleId decode_tuple_id(std::string_view bytes) {
  if (bytes.size() != 6) throw std::runtime_error("binary COPY: a tid is not 6 bytes long");
  return {static_cast<std::uint32_t>(read_big_endian(bytes.substr(0, 4))),
          static_cast<std::uint16_t>(read_big_endian(bytes.substr(4)))};
}

std::string encode_int16(std::int16_t value) {
  std::string bytes;
  append_big_endian(bytes, static_cast<std::uint16_t>(value));
  return bytes;
}

std::string encode_int32(std::int32_t value) {
  std::string bytes;
  append_big_endian(bytes, static_cast<std::uint32_t>(value));
  return bytes;
}

std::string encode_int64(std::int64_t value) {
  std::string bytes;
  append_big_endian(bytes, static_cast<std::uint64_t>(value));
  return bytes;
}

std::int64_t decode_integer(std::string_view bytes) {
  const std::uint64_t value = read_big_endian(bytes);
  switch (bytes.size()) {
    case 2:
      return static_cast<std::int16_t>(value);
    case 4:
      return static_cast<std::int32_t>(value);
    case 8:
      return static_cast<std::int64_t>(value);
    default:
      throw std::runtime_error("binary COPY: an integer is not 2, 4 or 8 bytes long");
  }
}

std::optional<std::array<std::byte, 16>> parse_uuid(std::string_view text) {
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return std::nullopt;
    text = text.substr(1, text.size() - 2);
  }
  std::array<std::byte, 16> value{};
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (text.size() < 2) return std::nullopt;
    const int high = hex_digit(text[0]);
    const int low = hex_digit(text[1]);
    if (high < 0 || low < 0) return std::nullopt;
    value[i] = static_cast<std::byte>(high * 16 + low);
    text.remove_prefix(2);
    const bool hyphen_allowed = i % 2 == 1 && i + 1 < value.size();
    if (hyphen_allowed && text.starts_with('-')) text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return value;
}

WireType wire_type(std::string_view format_type) {
  if (format_type.ends_with("[]")) return WireType::kOther;
  if (format_type == "smallint") return WireType::kInt2;
  if (format_type == "integer") return WireType::kInt4;
  if (format_type == "bigint") return WireType::kInt8;
  if (format_type == "uuid") return WireType::kUuid;
  if (format_type == "text" || format_type == "character varying" ||
      format_type.starts_with("character varying(") || format_type.starts_with("character(")) {
    return WireType::kText;
  }
  return WireType::kOther;
}

std::optional<std::string> encode_text(WireType type, std::string_view text) {
  switch (type) {
    case WireType::kInt2:
      return encode_integer<std::int16_t>(text);
    case WireType::kInt4:
      return encode_integer<std::int32_t>(text);
    case WireType::kInt8:
      return encode_integer<std::int64_t>(text);
    case WireType::kUuid: {
      const auto uuid = parse_uuid(text);
      if (!uuid) return std::nullopt;
      std::string bytes;
      for (const std::byte byte : *uuid) bytes += static_cast<char>(byte);
      return bytes;
    }
    case WireType::kText:
    case WireType::kEnum:
      if (text.find('\0') != std::string_view::npos) return std::nullopt;
      return std::string(text);
    case WireType::kOther:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace pgbackfill::sql
