#include "planner/operations/enum/label_rewriter.hpp"

#include "sql/tokens.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace pgbackfill::planner {
namespace {

using sql::Token;
using Kind = Token::Kind;

bool is_null(std::string_view value) {
  constexpr std::string_view kNull = "null";
  return std::equal(value.begin(), value.end(), kNull.begin(), kNull.end(),
                    [](char c, char lower) { return (c | 0x20) == lower; });
}

/// As the server writes it: quoted where it must be.
std::string array_element(std::string_view value) {
  const bool plain =
      !value.empty() && !is_null(value) && value.find_first_of("{}\",\\ \t\n\r\v\f") == value.npos;
  if (plain) return std::string(value);
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

/// What stands behind a "::".
struct CastType {
  sql::QualifiedName name;  ///< schema empty when it has none
  bool array = false;
  std::size_t first = 0;  ///< of its tokens
  std::size_t last = 0;   ///< of its name's
};

class Rewriter {
 public:
  Rewriter(std::string_view text, const LabelRules& rules)
      : rules_(rules), tokens_(sql::tokenize(text)) {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].kind != Kind::kBlank) solid_.push_back(i);
    }
  }

  RewrittenText run() {
    for (std::size_t i = 0; i < solid_.size(); ++i) {
      if (is(i, "::")) cast(i);
      if (token(i).kind == Kind::kWord) column(i);
    }
    rename_types();
    for (const Token& token : tokens_) {
      const auto found = replaced_.find(&token);
      result_.text += found == replaced_.end() ? token.text : std::string_view(found->second);
    }
    return std::move(result_);
  }

 private:
  const Token& token(std::size_t i) const { return tokens_[solid_[i]]; }
  bool is(std::size_t i, std::string_view text) const {
    return i < solid_.size() && token(i).text == text;
  }
  bool is_word(std::size_t i) const { return i < solid_.size() && token(i).kind == Kind::kWord; }

  std::optional<CastType> type_at(std::size_t i) const {
    if (!is_word(i)) return std::nullopt;
    CastType type{{"", token(i).value}, false, i, i};
    if (is(i + 1, ".") && is_word(i + 2)) {
      type.name = {token(i).value, token(i + 2).value};
      type.last = i + 2;
    }
    type.array = is(type.last + 1, "[");
    return type;
  }

  void cast(std::size_t colons) {
    const auto type = type_at(colons + 1);
    if (!type || colons == 0) return;
    const Token& before = token(colons - 1);
    if (rules_.opaque_types.contains(type->name)) {
      result_.opaque_literals = result_.opaque_literals || before.kind == Kind::kString;
      return;
    }
    const auto known = rules_.types.find(type->name);
    if (known == rules_.types.end()) {
      note_plain_text(before);
    } else if (before.kind == Kind::kString) {
      const LabelType& labels = known->second;
      const std::string value = type->array || labels.array ? map_array(labels, before.value)
                                                            : map_label(labels, before.value);
      if (value != before.value) replaced_[&before] = sql::quote_literal(value);
    } else if (before.value != "null" && before.text != "]" && !is_cast_literal(colons)) {
      result_.casts_expressions = true;
    }
  }

  /// In front of `colons` stands a literal with a cast of its own: ('x'::type)::domain
  bool is_cast_literal(std::size_t colons) const {
    if (!is(colons - 1, ")")) return false;
    std::size_t inner = colons - 1;
    while (inner > 0 && !is(inner, "::")) --inner;
    if (inner < 2 || !is(inner - 2, "(") || token(inner - 1).kind != Kind::kString) return false;
    const auto type = type_at(inner + 1);
    const std::size_t end = type ? type->last + (type->array ? 3 : 1) : 0;
    return type && end == colons - 1 && rules_.types.contains(type->name);
  }

  void note_plain_text(const Token& before) {
    if (before.kind != Kind::kString) return;
    for (const auto& [name, type] : rules_.types) {
      const auto found = type.labels.find(before.value);
      if (found == type.labels.end() || found->second == found->first) continue;
      result_.plain_texts.insert(before.value);
    }
  }

  std::string map_label(const LabelType& type, const std::string& label) {
    const auto found = type.labels.find(label);
    if (found == type.labels.end()) {
      result_.unknown.insert(label);
      return label;
    }
    result_.labels.insert(label);
    return found->second;
  }

  /// The text of an array of labels: braces and commas stay as they are.
  std::string map_array(const LabelType& type, const std::string& array) {
    std::string result;
    std::string element;
    bool quoted = false;
    const auto end_element = [&] {
      if (!element.empty() || quoted) {
        result += !quoted && is_null(element) ? element : array_element(map_label(type, element));
      }
      element.clear();
      quoted = false;
    };
    for (std::size_t i = 0; i < array.size(); ++i) {
      const char c = array[i];
      if (c == '"') {
        quoted = true;
        for (++i; i < array.size() && array[i] != '"'; ++i) {
          if (array[i] == '\\') ++i;
          if (i < array.size()) element += array[i];
        }
      } else if (c == '{' || c == '}' || c == ',') {
        end_element();
        result += c;
      } else {
        element += c;
      }
    }
    end_element();
    return result;
  }

  void column(std::size_t i) {
    const auto found = rules_.new_columns.find(token(i).value);
    if (found == rules_.new_columns.end()) return;
    const bool qualified = i > 0 && (is(i - 1, ".") || is(i - 1, "::"));
    if (qualified || is(i + 1, "(") || is(i + 1, ".")) return;
    replaced_[&token(i)] = sql::quote_identifier(found->second);
  }

  void rename_types() {
    for (std::size_t i = 0; i + 2 < solid_.size(); ++i) {
      const auto type = type_at(i);
      if (!type || type->last == i) continue;
      const auto found = rules_.new_types.find(type->name);
      if (found == rules_.new_types.end()) continue;
      replaced_[&token(i)] = sql::quote_identifier(found->second.schema);
      replaced_[&token(type->last)] = sql::quote_identifier(found->second.name);
    }
  }

  const LabelRules& rules_;
  std::vector<Token> tokens_;
  std::vector<std::size_t> solid_;  ///< tokens that are not blank
  std::map<const Token*, std::string> replaced_;
  RewrittenText result_;
};

}  // namespace

bool plain_label(const RewrittenText& text) {
  return !text.casts_expressions && text.unknown.empty() && text.plain_texts.empty() &&
         !text.opaque_literals;
}

RewrittenText rewrite_labels(std::string_view sql, const LabelRules& rules) {
  return Rewriter(sql, rules).run();
}

}  // namespace pgbackfill::planner
