#include "sql/tokens.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace pgbackfill::sql {
namespace {

using Kind = Token::Kind;

bool starts_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalpha(byte) != 0 || c == '_' || byte >= 0x80U;
}

bool in_word(char c) {
  return starts_word(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '$';
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  std::vector<Token> all() {
    std::vector<Token> tokens;
    while (at_ < text_.size()) tokens.push_back(next());
    return tokens;
  }

 private:
  bool ahead(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool ahead_any_case(char letter, std::string_view then) const {
    return at_ < text_.size() && std::toupper(static_cast<unsigned char>(text_[at_])) == letter &&
           text_.substr(at_ + 1).starts_with(then);
  }

  Token take(Kind kind, std::size_t end, std::string value = {}) {
    end = std::min(end, text_.size());
    Token token{kind, text_.substr(at_, end - at_), std::move(value)};
    at_ = end;
    return token;
  }

  Token next() {
    const char c = text_[at_];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      return take(Kind::kBlank, text_.find_first_not_of(" \t\r\n\f\v", at_));
    }
    if (ahead("--")) return take(Kind::kBlank, text_.find('\n', at_));
    if (ahead("/*")) return take(Kind::kBlank, comment_end());
    if (c == '\'') return quoted(at_, false);
    if (ahead_any_case('E', "'")) return quoted(at_ + 1, true);
    if (ahead_any_case('U', "&'") || ahead_any_case('U', "&\"")) return unicode();
    if (ahead_any_case('B', "'") || ahead_any_case('X', "'")) {
      Token bits = quoted(at_ + 1, false);
      bits.kind = Kind::kOpaque;
      return bits;
    }
    if (c == '"') return quoted_name();
    if (c == '$') return dollar();
    if (starts_word(c)) return word();
    return take(Kind::kOther, at_ + (ahead("::") ? 2 : 1));
  }

  std::size_t comment_end() const {
    int depth = 0;
    for (std::size_t i = at_; i + 1 < text_.size(); ++i) {
      const std::string_view two = text_.substr(i, 2);
      if (two == "/*") ++depth, ++i;
      if (two == "*/") {
        ++i;
        if (--depth == 0) return i + 1;
      }
    }
    return text_.size();
  }

  Token quoted(std::size_t open, bool escapes) {
    std::string value;
    bool opaque = false;
    std::size_t i = open + 1;
    for (; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\'') {
        if (i + 1 >= text_.size() || text_[i + 1] != '\'') break;
        ++i;
      } else if (escapes && c == '\\' && i + 1 < text_.size()) {
        ++i;
        // Of the escapes the server itself writes only this one.
        opaque = opaque || (text_[i] != '\\' && text_[i] != '\'');
      }
      value += text_[i];
    }
    return take(opaque ? Kind::kOpaque : Kind::kString, i + 1, std::move(value));
  }

  Token unicode() {
    const char quote = text_[at_ + 2];
    const std::size_t close = text_.find(quote, at_ + 3);
    return take(Kind::kOpaque, close == std::string_view::npos ? close : close + 1);
  }

  Token quoted_name() {
    std::string value;
    std::size_t i = at_ + 1;
    for (; i < text_.size(); ++i) {
      if (text_[i] == '"') {
        if (i + 1 >= text_.size() || text_[i + 1] != '"') break;
        ++i;
      }
      value += text_[i];
    }
    return take(Kind::kWord, i + 1, std::move(value));
  }

  Token dollar() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && in_word(text_[end]) && text_[end] != '$') ++end;
    const bool number =
        end > at_ + 1 && std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0;
    if (number || end >= text_.size() || text_[end] != '$') return take(Kind::kOther, at_ + 1);
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const std::size_t close = text_.find(tag, end + 1);
    return take(Kind::kOpaque, close == std::string_view::npos ? close : close + tag.size());
  }

  Token word() {
    std::size_t end = at_;
    while (end < text_.size() && in_word(text_[end])) ++end;
    std::string value(text_.substr(at_, end - at_));
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) {
      return static_cast<char>(c < 0x80U ? std::tolower(c) : c);
    });
    return take(Kind::kWord, end, std::move(value));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) { return Tokenizer(text).all(); }

}  // namespace pgbackfill::sql
