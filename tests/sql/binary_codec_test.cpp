#include "sql/binary_codec.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace pgbackfill::sql {
namespace {

using namespace std::string_view_literals;

std::string row_of_everything() {
  std::string buffer;
  CopyEncoder encoder(buffer);
  encoder.row(5);
  encoder.int32(-2);
  encoder.int64(std::numeric_limits<std::int64_t>::min());
  encoder.null();
  encoder.bytes("abc");
  encoder.tuple_id({0x01020304, 0x0506});
  return buffer;
}

TEST(BinaryCodec, EncodesBigEndian) {
  EXPECT_EQ(row_of_everything(),
            "\0\5"
            "\0\0\0\4\377\377\377\376"
            "\0\0\0\10\200\0\0\0\0\0\0\0"
            "\377\377\377\377"
            "\0\0\0\3abc"
            "\0\0\0\6\1\2\3\4\5\6"sv);
}

TEST(BinaryCodec, ReadsBackWhatItEncodes) {
  const std::string row = std::string(kCopyHeader) + row_of_everything();
  CopyRowReader reader(row);
  ASSERT_FALSE(reader.at_end());
  ASSERT_EQ(reader.fields(), 5);
  EXPECT_EQ(decode_integer(reader.next().value()), -2);
  EXPECT_EQ(decode_integer(reader.next().value()), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(reader.next().value(), "abc");
  EXPECT_EQ(decode_tuple_id(reader.next().value()), (TupleId{0x01020304, 0x0506}));
}

TEST(BinaryCodec, KnowsTheTrailerAloneAndAfterAHeader) {
  EXPECT_TRUE(CopyRowReader(kCopyTrailer).at_end());
  EXPECT_TRUE(CopyRowReader(std::string(kCopyHeader) + std::string(kCopyTrailer)).at_end());
}

TEST(BinaryCodec, SkipsAHeaderExtension) {
  std::string message(kCopyHeader.substr(0, 15));
  message += "\0\0\0\3xyz\0\0"sv;
  EXPECT_EQ(CopyRowReader(message).fields(), 0);
}

TEST(BinaryCodec, RejectsCutOffMessages) {
  const std::string row = row_of_everything();
  for (std::size_t length = 0; length < row.size(); ++length) {
    EXPECT_THROW(
        {
          CopyRowReader reader(std::string_view(row).substr(0, length));
          for (int i = 0; i < 5; ++i) reader.next();
        },
        std::runtime_error)
        << length;
  }
  CopyRowReader negative("\0\1\377\377\377\376"sv);
  EXPECT_THROW(negative.next(), std::runtime_error);
}

TEST(BinaryCodec, DecodesIntegersByWidth) {
  EXPECT_EQ(decode_integer(encode_int16(-7)), -7);
  EXPECT_EQ(decode_integer(encode_int32(-7)), -7);
  EXPECT_EQ(decode_integer(encode_int64(1LL << 40)), 1LL << 40);
  EXPECT_THROW(decode_integer("abc"), std::runtime_error);
  EXPECT_THROW(decode_tuple_id("abcde"), std::runtime_error);
}

TEST(BinaryCodec, ReadsUuidsAsTheServerDoes) {
  const auto plain = parse_uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
  ASSERT_TRUE(plain);
  EXPECT_EQ((*plain)[0], std::byte{0xa0});
  EXPECT_EQ((*plain)[15], std::byte{0x11});
  EXPECT_EQ(parse_uuid("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), plain);
  EXPECT_EQ(parse_uuid("{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}"), plain);
  EXPECT_EQ(parse_uuid("a0eebc999c0b4ef8bb6d6bb9bd380a11"), plain);
  EXPECT_EQ(parse_uuid("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11"), plain);
}

TEST(BinaryCodec, RejectsWhatIsNoUuid) {
  for (const std::string_view text :
       {"", "{}", "{", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-",
        "-a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0e-ebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        " a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11",
        "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}) {
    EXPECT_FALSE(parse_uuid(text)) << text;
  }
}

TEST(BinaryCodec, KnowsTypesByTheirName) {
  EXPECT_EQ(wire_type("smallint"), WireType::kInt2);
  EXPECT_EQ(wire_type("integer"), WireType::kInt4);
  EXPECT_EQ(wire_type("bigint"), WireType::kInt8);
  EXPECT_EQ(wire_type("uuid"), WireType::kUuid);
  EXPECT_EQ(wire_type("text"), WireType::kText);
  EXPECT_EQ(wire_type("character varying(36)"), WireType::kText);
  EXPECT_EQ(wire_type("character varying"), WireType::kText);
  EXPECT_EQ(wire_type("character varying(36)[]"), WireType::kOther);
  EXPECT_EQ(wire_type("integer[]"), WireType::kOther);
  EXPECT_EQ(wire_type("numeric(10,2)"), WireType::kOther);
  EXPECT_EQ(wire_type("user_role"), WireType::kOther);
}

TEST(BinaryCodec, EncodesTextOfKnownTypes) {
  EXPECT_EQ(encode_text(WireType::kInt2, "-32768"), encode_int16(-32768));
  EXPECT_EQ(encode_text(WireType::kInt4, " +42 "), encode_int32(42));
  EXPECT_EQ(encode_text(WireType::kInt8, "9223372036854775807"),
            encode_int64(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(encode_text(WireType::kText, "é"), "é");
  EXPECT_EQ(encode_text(WireType::kUuid, "00000000-0000-0000-0000-000000000001"),
            std::string(15, '\0') + '\1');
}

TEST(BinaryCodec, RefusesTextThatIsNoValueOfTheType) {
  EXPECT_FALSE(encode_text(WireType::kInt2, "32768"));
  EXPECT_FALSE(encode_text(WireType::kInt4, "4x"));
  EXPECT_FALSE(encode_text(WireType::kInt4, ""));
  EXPECT_FALSE(encode_text(WireType::kInt4, "+-4"));
  EXPECT_FALSE(encode_text(WireType::kInt4, "1.0"));
  EXPECT_FALSE(encode_text(WireType::kUuid, "x"));
  EXPECT_FALSE(encode_text(WireType::kText, "a\0b"sv));
  EXPECT_FALSE(encode_text(WireType::kOther, "1"));
}

}  // namespace
}  // namespace pgbackfill::sql
