#include "tools/sample/row_writer.hpp"

#include <array>

namespace pgbackfill::tools {

void RowWriter::organization(std::uint32_t index) {
  // Decimal digits in hex places: 20 is written …000120, as in team_orgs.csv.
  const std::uint32_t number = index + 1;
  std::array<char, 16> bytes{};
  bytes[14] = 1;
  bytes[15] = static_cast<char>((number / 10) << 4U | number % 10);
  encoder_.bytes({bytes.data(), bytes.size()});
}

void RowWriter::digest(Random& random) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 64> text;
  for (std::size_t at = 0; at < text.size(); at += 16) {
    std::uint64_t bits = random.next();
    for (std::size_t digit = 0; digit < 16; ++digit, bits >>= 4U) {
      text[at + digit] = kDigits[bits & 0xFU];
    }
  }
  encoder_.bytes({text.data(), text.size()});
}

}  // namespace pgbackfill::tools
