#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::sql {

/// A piece of SQL text. Their texts in a row are the whole again.
struct Token {
  enum class Kind {
    kBlank,   ///< white space and comments
    kWord,    ///< a name or keyword; value: as the server folds it, or without its quotes
    kString,  ///< a literal in quotes; value: what it stands for
    kOpaque,  ///< a dollar quote, or a literal whose escapes are not read here
    kOther,   ///< numbers, operators (:: is one) and everything else, a character each
  };
  Kind kind = Kind::kOther;
  std::string_view text;
  std::string value;
};

/// Splits SQL as the server writes it (pg_get_viewdef() and the like). The text must outlive the
/// tokens.
std::vector<Token> tokenize(std::string_view text);

}  // namespace pgbackfill::sql
