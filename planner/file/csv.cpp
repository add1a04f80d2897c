#include "planner/file/csv.hpp"

namespace pgbackfill::planner {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Length of the well-formed character at `at`; 0 when it is not one. The ranges of the second
// byte leave out overlong forms, surrogates and what lies past U+10FFFF.
std::size_t character_length(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  if (length == 0 || at + length > text.size()) return 0;
  if (byte_at(text, at + 1) < low || byte_at(text, at + 1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte_at(text, at + i) < 0x80 || byte_at(text, at + i) > 0xBF) return 0;
  }
  return length;
}

}  // namespace

CsvReader::CsvReader(std::string_view text) : text_(text) {
  if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

bool CsvReader::at_line_end() const {
  return at_ >= text_.size() || text_[at_] == '\n' || text_.substr(at_).starts_with("\r\n");
}

void CsvReader::skip_line_end() {
  if (at_ >= text_.size()) return;
  at_ += text_[at_] == '\r' ? 2 : 1;
  ++line_;
}

std::optional<CsvRecord> CsvReader::next() {
  while (at_ < text_.size() && at_line_end()) skip_line_end();
  if (at_ >= text_.size()) return std::nullopt;
  CsvRecord record{line_, {}};
  while (true) {
    record.fields.push_back(field());
    if (at_line_end()) break;
    ++at_;  // the comma
  }
  skip_line_end();
  return record;
}

std::string CsvReader::field() {
  if (at_ < text_.size() && text_[at_] == '"') return quoted_field();
  const std::size_t begin = at_;
  while (!at_line_end() && text_[at_] != ',') {
    if (text_[at_] == '"') {
      throw CsvError(line_, "a quote inside a field that does not begin with one");
    }
    ++at_;
  }
  return std::string(text_.substr(begin, at_ - begin));
}

std::string CsvReader::quoted_field() {
  const int first_line = line_;
  std::string value;
  for (++at_; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '\n') ++line_;
    if (c == '"') {
      if (!text_.substr(at_).starts_with("\"\"")) {
        ++at_;
        if (!at_line_end() && text_[at_] != ',') {
          throw CsvError(line_, "text after the closing quote of a field");
        }
        return value;
      }
      ++at_;
    }
    value += c;
  }
  throw CsvError(first_line, "a quoted field that is never closed");
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = character_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

}  // namespace pgbackfill::planner
