#pragma once

#include "sql/identifier.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// A type whose literals are labels.
struct LabelType {
  bool array = false;                         ///< by itself: a domain over an array of them
  std::map<std::string, std::string> labels;  ///< every mapped label, the unchanged ones too
};

/// What becomes of the labels in the text of an object.
struct LabelRules {
  std::map<sql::QualifiedName, LabelType> types;
  /// Types whose literals hold them in a form that is not taken apart here (row values).
  std::set<sql::QualifiedName> opaque_types;
  /// For what is made before the swap: the names that types and columns have until then.
  std::map<sql::QualifiedName, sql::QualifiedName> new_types;
  std::map<std::string, std::string> new_columns;
};

struct RewrittenText {
  std::string text;
  std::set<std::string> labels;       ///< old labels that it names
  std::set<std::string> unknown;      ///< literals of the types that are no mapped label
  std::set<std::string> plain_texts;  ///< labels that change and stand as ordinary text
  bool casts_expressions = false;     ///< something that is no literal becomes one of the types
  bool opaque_literals = false;       ///< a literal of one of the opaque types
};

/// It is no more than a label, or a list of them, as far as can be told.
bool plain_label(const RewrittenText& text);

/// Replaces the labels in SQL that the server wrote with search_path = pg_catalog, where a label
/// is a literal with a cast to its type right behind it.
RewrittenText rewrite_labels(std::string_view sql, const LabelRules& rules);

}  // namespace pgbackfill::planner
